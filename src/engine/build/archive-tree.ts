import { compressionOf, decompressed } from '../../codec/decompress.ts'
import { mergeLayers } from '../../codec/layer-merge.ts'
import { readTar } from '../../codec/tar/read.ts'
import type { LayerEntry, RootfsNode } from '../../core/layer.ts'
import { readAll } from '../images/read-all.ts'
import { streamOf } from './layer-tar.ts'
import { contentOf } from './node-content.ts'

/** Bytes of a file that is fetched or unpacked. */
export const FILE_MAX: number = 512 * 1024 * 1024

/** What is in an archive. */
export interface ArchiveTree {
  readonly root: RootfsNode
  /** In the archive's order. */
  readonly entries: readonly { readonly path: string; readonly node: RootfsNode }[]
}

/** What may be an archive, by its first 512 bytes (moby pkg/archive, DetectCompression). */
export const looksPacked = (head: Uint8Array): boolean =>
  compressionOf(head) !== undefined || (head.length >= 512 && isHeader(head))

/** A tar header has a checksum: ustar says so itself, older ones don't. */
function isHeader(head: Uint8Array): boolean {
  const text = new TextDecoder('latin1').decode(head.subarray(148, 156))
  const wanted = Number.parseInt(text.replaceAll('\0', '').trim(), 8)
  let sum = 0
  for (let at = 0; at < 512; at++) sum += at >= 148 && at < 156 ? 0x20 : (head[at] ?? 0)
  return sum === wanted && sum !== 8 * 0x20
}

const headOf = async (node: RootfsNode): Promise<Uint8Array> =>
  (await node.source?.read(node.offset, Math.min(512, node.size))) ?? new Uint8Array()

export async function isArchive(node: RootfsNode): Promise<boolean> {
  const head = await headOf(node)
  if (!looksPacked(head)) return false
  if (compressionOf(head) === undefined) return true
  // Only an archive is unpacked: a file that is merely compressed stays as it is.
  try {
    for await (const _ of readTar(await decompressed(streamOf(contentOf(node))))) return true
    return false
  } catch {
    return false
  }
}

/**
 * A tar, compressed or not.
 * @throws EngineError `invalid-parameter` when it is damaged
 */
export async function readArchive(node: RootfsNode): Promise<ArchiveTree> {
  const stream = streamOf(contentOf(node))
  const plain =
    compressionOf(await headOf(node)) === undefined
      ? node
      : memoryNode(await readAll(await decompressed(stream), FILE_MAX, 'the archive'))
  const listed: LayerEntry[] = []
  for await (const entry of readTar(contentOf(plain))) listed.push(entry)
  const source = {
    read: (offset: number, length: number) =>
      (plain.source ?? { read: () => new Uint8Array() }).read(plain.offset + offset, length),
  }
  const root = mergeLayers([{ entries: listed, source }])
  const entries = listed.flatMap(({ path }) => {
    const found = path === '' ? undefined : descend(root, path)
    return found ? [{ path, node: found }] : []
  })
  return { root, entries }
}

function descend(root: RootfsNode, path: string): RootfsNode | undefined {
  let node: RootfsNode | undefined = root
  for (const part of path.split('/')) node = node?.children?.get(part)
  return node
}

/** A file in memory. */
export const memoryNode = (bytes: Uint8Array): RootfsNode => ({
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 0,
  size: bytes.length,
  offset: 0,
  links: 1,
  source: { read: (offset, length) => bytes.subarray(offset, offset + length) },
})
