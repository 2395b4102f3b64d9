import type { CopyInstruction } from '../../codec/dockerfile/instructions.ts'
import type { Digest } from '../../core/digest.ts'
import { EngineError } from '../../core/error.ts'
import type { RootfsNode } from '../../core/layer.ts'
import { readAll } from '../images/read-all.ts'
import { FILE_MAX, isArchive, looksPacked, memoryNode, readArchive } from './archive-tree.ts'
import { selectSources, type InlineFile } from './copy-plan.ts'
import type { StageRun } from './stage.ts'

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
      if (instruction.unpack === true && looksPacked(file.bytes.subarray(0, 512))) {
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

async function unpack(stage: StageRun, node: RootfsNode): Promise<UnpackedArchive> {
  const { keys } = stage.environment.session.tools
  return { key: await keys.content(node), entries: (await readArchive(node)).entries }
}

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
