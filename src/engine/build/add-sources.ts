import type { CopyInstruction } from '../../codec/dockerfile/instructions.ts'
import { gunzip } from '../../codec/gunzip.ts'
import { readTar } from '../../codec/tar/read.ts'
import { mergeLayers } from '../../codec/layer-merge.ts'
import type { Digest } from '../../core/digest.ts'
import { EngineError } from '../../core/error.ts'
import type { LayerEntry, RootfsNode } from '../../core/layer.ts'
import { readAll } from '../images/read-all.ts'
import { selectSources, type InlineFile } from './copy-plan.ts'
import { contentOf } from './node-content.ts'
import { streamOf } from './layer-tar.ts'
import type { StageRun } from './stage.ts'

/** Bytes of a file that ADD fetches or unpacks. */
const FILE_MAX = 512 * 1024 * 1024

export interface UnpackedArchive {
  readonly key: Digest
  readonly entries: readonly { readonly path: string; readonly node: RootfsNode }[]
}

/** What ADD's sources come to. */
export interface AddedFiles {
  /** Those that are copied as they are. */
  readonly local: readonly string[]
  /** What was fetched. */
  readonly files: readonly InlineFile[]
  readonly archives: readonly UnpackedArchive[]
}

const isUrl = (source: string): boolean => /^https?:\/\//.test(source)
const isGit = (source: string): boolean =>
  /^(git:\/\/|git@|ssh:\/\/)/.test(source) || /^https?:\/\/[^?#]+\.git(#.*)?$/.test(source)

/** ADD: URLs are fetched, local archives unpacked (Dockerfile reference, "ADD"). */
export async function addedFiles(
  stage: StageRun,
  instruction: CopyInstruction,
  sources: readonly string[],
): Promise<AddedFiles> {
  const local: string[] = []
  const files: InlineFile[] = []
  const archives: UnpackedArchive[] = []
  for (const source of sources) {
    if (isGit(source)) {
      throw new EngineError(
        'not-implemented',
        `Drydock can not ADD a git repository (${source}): fetch it first and COPY it`,
      )
    }
    if (isUrl(source)) {
      const file = await download(stage, instruction, source)
      if (instruction.unpack === true && archiveKind(file.bytes) !== undefined) {
        archives.push(await unpack(stage, memoryNode(file.bytes)))
      } else files.push(file)
      continue
    }
    const context = await stage.environment.files(undefined)
    const unpacked = instruction.unpack ?? true
    // A missing file is told of when it is copied.
    const selected = unpacked ? trySelect(context.root, source) : []
    const found = []
    for (const { node } of selected) {
      if (node.kind === 'file' && (await isArchive(node))) found.push(node)
    }
    if (found.length === 0 || found.length !== selected.length) local.push(source)
    else for (const node of found) archives.push(await unpack(stage, node))
  }
  return { local, files, archives }
}

function trySelect(root: RootfsNode, source: string): ReturnType<typeof selectSources> {
  try {
    return selectSources(root, [source])
  } catch {
    return []
  }
}

type ArchiveKind = 'tar' | 'gzip' | 'bzip2' | 'xz' | 'zstd'

/** By its first 512 bytes (moby pkg/archive, DetectCompression). */
function archiveKind(head: Uint8Array): ArchiveKind | undefined {
  const starts = (...bytes: readonly number[]): boolean =>
    bytes.every((byte, at) => head[at] === byte)
  if (starts(0x1f, 0x8b, 0x08)) return 'gzip'
  if (starts(0x42, 0x5a, 0x68)) return 'bzip2'
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return 'xz'
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return 'zstd'
  return head.length >= 512 && isHeader(head) ? 'tar' : undefined
}

/** A tar header has a checksum: ustar says so itself, older ones don't. */
function isHeader(head: Uint8Array): boolean {
  const text = new TextDecoder('latin1').decode(head.subarray(148, 156))
  const wanted = Number.parseInt(text.replaceAll('\0', '').trim(), 8)
  let sum = 0
  for (let at = 0; at < 512; at++) sum += at >= 148 && at < 156 ? 0x20 : (head[at] ?? 0)
  return sum === wanted && sum !== 8 * 0x20
}

async function isArchive(node: RootfsNode): Promise<boolean> {
  const head = await node.source?.read(node.offset, Math.min(512, node.size))
  const kind = head && archiveKind(head)
  if (kind === undefined) return false
  if (kind === 'tar') return true
  if (kind !== 'gzip') {
    throw new EngineError('not-implemented', `Drydock can not unpack ${kind} archives yet`)
  }
  // Only an archive is unpacked: a file that is merely compressed stays as it is.
  try {
    for await (const _ of readTar(gunzip(streamOf(contentOf(node))))) return true
    return false
  } catch {
    return false
  }
}

async function unpack(stage: StageRun, node: RootfsNode): Promise<UnpackedArchive> {
  const { keys } = stage.environment.session.tools
  const head = await node.source?.read(node.offset, Math.min(512, node.size))
  const stream = streamOf(contentOf(node))
  const plain =
    head && archiveKind(head) === 'gzip'
      ? memoryNode(await readAll(gunzip(stream), FILE_MAX, 'the archive'))
      : node
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
  return { key: await keys.content(node), entries }
}

function descend(root: RootfsNode, path: string): RootfsNode | undefined {
  let node: RootfsNode | undefined = root
  for (const part of path.split('/')) node = node?.children?.get(part)
  return node
}

const memoryNode = (bytes: Uint8Array): RootfsNode => ({
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

async function download(
  stage: StageRun,
  { checksum, destination }: CopyInstruction,
  url: string,
): Promise<InlineFile> {
  const { session } = stage.environment
  const { downloads } = session.tools.context
  if (!downloads) {
    throw new EngineError('unavailable', `Drydock can not fetch ${url} here`)
  }
  const vertex = await session.report.vertex(url)
  try {
    const answer = await downloads.get(url, session.signal)
    if (answer.status !== 200) {
      await answer.body.cancel()
      throw new EngineError('invalid-parameter', `invalid response status ${answer.status}`)
    }
    const bytes = await readAll(answer.body, FILE_MAX, url)
    const digest = session.tools.keys.bytes(bytes)
    const wanted = checksum === undefined ? undefined : stage.scope.expand(checksum)
    if (wanted !== undefined && wanted !== digest) {
      throw new EngineError('invalid-parameter', `digest mismatch ${digest}: ${wanted}`)
    }
    const modified = Date.parse(answer.headers['last-modified'] ?? '')
    await vertex.done({ cached: false })
    return {
      name: nameOf(url, destination),
      bytes,
      mode: 0o600,
      mtime: Number.isNaN(modified) ? 0 : modified / 1000,
    }
  } catch (error) {
    await vertex.failed(error, session.signal.aborted)
    throw error
  }
}

/** The file's name: the last part of the path. */
function nameOf(url: string, destination: string): string {
  const name = new URL(url).pathname.split('/').at(-1) ?? ''
  if (name === '' && destination.endsWith('/')) {
    throw new EngineError('invalid-parameter', `cannot determine filename for ADD source ${url}`)
  }
  return name || 'download'
}
