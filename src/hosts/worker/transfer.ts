import { EngineError } from '../../core/error.ts'
import { Resources } from '../../core/resources.ts'
import { streamOf } from '../../engine/build/layer-tar.ts'
import type { OnTransfer } from '../../link/transfer.ts'
import { removeStores, replacementId } from '../../storage/idb/replacement.ts'
import { openIdbStores } from '../../storage/idb/stores.ts'
import { exportPlayground, type ExportSource } from '../../storage/transfer/export.ts'
import { importPlayground } from '../../storage/transfer/import.ts'
import { browserClock } from './browser-clock.ts'

/** Milliseconds between two words about progress. */
const PACE = 200

/** The browser takes the bytes as they come, onto its disk when they are many. */
export const exportBlob = (source: ExportSource, onProgress: OnTransfer): Promise<Blob> =>
  new Response(streamOf(exportPlayground(source, { onProgress: paced(onProgress) }))).blob()

/** @returns the name of the stores that hold the file's playground now */
export async function importBlob(
  engineId: string,
  file: Blob,
  onProgress: OnTransfer,
): Promise<string> {
  const { quota = Infinity, usage = 0 } = await navigator.storage.estimate()
  if (usage + file.size > quota)
    throw new EngineError(
      'unavailable',
      `There is no room for it: the file has ${inMegabytes(file.size)} MB, and the browser gives this site ${inMegabytes(Math.max(0, quota - usage))} MB more.`,
    )
  const id = replacementId(engineId, browserClock.now())
  try {
    await using held = new Resources()
    await importPlayground(
      file.stream(),
      ({ diskSize }) =>
        openIdbStores(id, { diskSize, clock: browserClock }).then((opened) => held.use(opened)),
      { onProgress: paced(onProgress) },
    )
    return id
  } catch (error) {
    // What can't be removed now is when the playground opens next.
    await removeStores(id).catch(() => undefined)
    throw error
  }
}

const inMegabytes = (bytes: number): string => (bytes / 1e6).toFixed(0)

function paced(onProgress: OnTransfer): OnTransfer {
  let last = 0
  return (done, total) => {
    const now = browserClock.monotonic()
    if (now - last < PACE && done < total) return
    last = now
    onProgress(done, total)
  }
}
