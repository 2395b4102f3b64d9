import { readTar } from '../../codec/tar/read.ts'
import type { Digest } from '../../core/digest.ts'
import type { Layer, LayerEntry } from '../../core/layer.ts'
import type { OciImageConfig } from '../../core/oci.ts'
import type { LayerStep } from './layer-step.ts'
import type { BuildTools } from './tools.ts'
import { joinBytes } from '../../codec/join-bytes.ts'

/**
 * The layer that an image of `--cache-from` has for a step: one that came about in the same way, on the same layers. RUN is
 * trusted for that; of what is copied the content must be the same, too.
 */
export async function borrowedLayer(
  tools: BuildTools,
  cacheImages: readonly OciImageConfig[],
  step: LayerStep,
): Promise<{ readonly diffId: Digest; readonly created: string } | undefined> {
  const { lineage } = step
  if (step.borrow === 'never') return undefined
  const at = lineage.diffIds.length
  for (const config of cacheImages) {
    const history = config.history ?? []
    const { diff_ids: diffIds } = config.rootfs
    const diffId = diffIds[at]
    const same =
      diffId !== undefined &&
      lineage.diffIds.every((id, index) => id === diffIds[index]) &&
      lineage.history.every((line, index) => line === (history[index]?.created_by ?? ''))
    const created = history[lineage.history.length - 1]?.created
    if (!same || created === undefined) continue
    if (step.borrow === 'history' || (await hasContent(tools, step, diffId)))
      return { diffId, created }
  }
  return undefined
}

/** Would the step make this very layer? Modification times don't count. */
async function hasContent(tools: BuildTools, step: LayerStep, diffId: Digest): Promise<boolean> {
  const [layer] = await tools.images.layers.layers([diffId])
  if (!layer) return false
  const nothing = (): Promise<void> => Promise.resolve()
  const tar = await step.make({
    running: nothing,
    log: nothing,
    status: nothing,
    removed: nothing,
    done: nothing,
    failed: nothing,
  })
  const { keys } = tools
  const mine: unknown[] = []
  let pieces: Uint8Array[] = []
  for await (const entry of readTar(tar, (_, bytes) => void pieces.push(bytes.slice()))) {
    mine.push([...facts(entry), keys.bytes(joinBytes(pieces))])
    pieces = []
  }
  return keys.of(mine) === keys.of(await factsOf(layer, (bytes) => keys.bytes(bytes)))
}

async function factsOf(layer: Layer, digest: (bytes: Uint8Array) => Digest): Promise<unknown[]> {
  const all: unknown[] = []
  for (const entry of layer.entries) {
    const bytes =
      entry.size > 0 ? await layer.source.read(entry.offset, entry.size) : new Uint8Array()
    all.push([...facts(entry), digest(bytes)])
  }
  return all
}

const facts = ({ path, kind, mode, uid, gid, size, target }: LayerEntry): unknown[] => [
  path,
  kind,
  mode,
  uid,
  gid,
  size,
  target,
]
