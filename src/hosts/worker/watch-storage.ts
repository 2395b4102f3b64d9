import type { EngineHandler } from '../../core/engine-http.ts'
import type { StorageStatus } from '../../link/storage.ts'
import type { StorageRoom } from '../../ports/storage-room.ts'

/** Bursts of events, such as a container's start, are measured once. In milliseconds. */
const PACE = 250
/** What a container writes is no event; in milliseconds. */
const WRITING_PACE = 10_000

/** Tell what the playground takes of the browser's storage, now and after each event, until the signal. */
export async function watchStorage(
  handler: EngineHandler,
  requestId: () => string,
  room: StorageRoom,
  signal: AbortSignal,
  onStorage: (storage: StorageStatus) => void,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const measure = (): void => {
    timer = undefined
    void estimate(room).then((storage) => storage && onStorage(storage))
  }
  const soon = (): void => {
    timer ??= setTimeout(measure, PACE)
  }
  soon()
  const repeated = setInterval(measure, WRITING_PACE)
  const stop = (): void => {
    clearTimeout(timer)
    clearInterval(repeated)
  }
  signal.addEventListener('abort', stop, { once: true })
  const { body } = await handler({
    method: 'GET',
    path: '/events',
    headers: {},
    signal,
    id: requestId(),
  })
  if (!body) return
  const reader = body.getReader()
  while (!signal.aborted) {
    const { done } = await reader.read().catch(() => ({ done: true }))
    if (done) return
    soon()
  }
}

async function estimate(room: StorageRoom): Promise<StorageStatus | undefined> {
  // Absent in workers of some browsers and in insecure contexts.
  const { storage } = globalThis.navigator
  const [found, persisted] = await Promise.all([
    storage?.estimate?.().catch(() => undefined),
    storage?.persisted?.().catch(() => false),
  ])
  if (found?.usage === undefined || found.quota === undefined) return undefined
  return {
    usedBytes: Math.max(0, found.usage - room.reserved),
    freeBytes: Math.max(0, found.quota - found.usage + room.reserved),
    persisted: persisted ?? false,
  }
}
