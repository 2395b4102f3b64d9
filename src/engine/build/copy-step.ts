import type { BuildInstruction, CopyInstruction } from '../../codec/dockerfile/instructions.ts'
import { heredocText } from '../../codec/dockerfile/heredoc.ts'
import { IgnorePatterns } from '../../codec/dockerfile/ignore.ts'
import { mergeLayers } from '../../codec/layer-merge.ts'
import { EngineError } from '../../core/error.ts'
import type { RootfsNode } from '../../core/layer.ts'
import { resolveUser } from '../containers/user.ts'
import { addedFiles, type AddedFiles } from './add-sources.ts'
import {
  planCopy,
  planDirectory,
  planEntries,
  selectSources,
  SourceNotFound,
  type CopyRequest,
  type InlineFile,
  type PlannedMember,
} from './copy-plan.ts'
import { octalMode, parseChmod } from './file-mode.ts'
import { withoutLaterTimes, writeLayer } from './layer-tar.ts'
import type { StageRun } from './stage.ts'

type WorkdirInstruction = Extract<
  BuildInstruction,
  { kind: 'WORKDIR' | 'USER' | 'STOPSIGNAL' | 'MAINTAINER' }
>

const scratch: RootfsNode = mergeLayers([])

/** Absolute and clean, with the slash at its end kept. */
export function absolutePath(path: string, directory: string): string {
  const parts: string[] = []
  const full = path.startsWith('/') ? path : `${directory || '/'}/${path}`
  for (const part of full.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  const plain = `/${parts.join('/')}`
  const last = path.split('/').at(-1)
  const isDirectory = last === '' || last === '.' || last === '..'
  return isDirectory && plain !== '/' ? `${plain}/` : plain
}

/** WORKDIR makes the directory, unless it is the root. */
export async function workdirStep(stage: StageRun, instruction: WorkdirInstruction): Promise<void> {
  const { session } = stage.environment
  const given = stage.scope.expand(instruction.value)
  if (given === '') throw new EngineError('invalid-parameter', 'WORKDIR can not be an empty string')
  const path = absolutePath(given, stage.config.WorkingDir ?? '/').replace(/(.)\/$/, '$1')
  stage.config = { ...stage.config, WorkingDir: path }
  const created = `WORKDIR ${path}`
  if (path === '/') {
    stage.noLayer(created)
    return
  }
  const user = stage.config.User ?? ''
  await stage.layer(
    {
      key: session.tools.keys.of('WORKDIR', stage.diffIds, path, user),
      place: instruction,
      borrow: 'content',
      make: async () => {
        const { root } = await stage.tree()
        const owner = user === '' ? undefined : await userOf(root, user)
        return writeLayer(planDirectory(path, { target: root, owner, now: session.now }))
      },
    },
    `WORKDIR ${given}`,
    created,
  )
}

/** COPY and ADD. */
export async function copyStep(stage: StageRun, instruction: CopyInstruction): Promise<void> {
  const { kind, link, parents } = instruction
  const { session } = stage.environment
  const { keys } = session.tools
  const expand = (text: string): string => stage.scope.expand(text)
  const named = instruction.sources.map(expand)
  const destinationText = expand(instruction.destination)
  const destination = absolutePath(destinationText, stage.config.WorkingDir ?? '/')
  checkSources(instruction, named)
  const excludes = excluder(instruction.exclude.map(expand))
  const chown = instruction.chown === undefined ? undefined : expand(instruction.chown)
  const chmod = instruction.chmod === undefined ? undefined : expand(instruction.chmod)
  const mode = chmod === undefined ? undefined : parseChmod(chmod)
  const added: AddedFiles =
    kind === 'ADD'
      ? await addedFiles(stage, instruction, named)
      : { local: named, files: [], archives: [] }
  const inline: InlineFile[] = [
    ...added.files,
    ...instruction.heredocs.map((heredoc) => ({
      name: heredoc.name,
      bytes: new TextEncoder().encode(
        heredoc.expand ? expandHeredoc(stage, heredocText(heredoc)) : heredocText(heredoc),
      ),
    })),
  ]
  const needsFiles = added.local.length > 0 || added.archives.length > 0
  const files = needsFiles ? await stage.environment.files(instruction.from) : undefined
  const sources = files
    ? located(stage, instruction, () => selectSources(files.root, added.local))
    : []
  const isContext = files?.isContext ?? true
  const inputs: unknown[] = []
  for (const { path, node, kept } of sources) {
    inputs.push([path, parents ? kept : '', await keys.tree(node, excludes)])
  }
  for (const { name, bytes, mode: own } of inline) inputs.push([name, own, keys.bytes(bytes)])
  for (const { key } of added.archives) inputs.push(['archive', key])
  const shown = [
    ...(chown === undefined ? [] : [`--chown=${chown}`]),
    ...(chmod === undefined ? [] : [`--chmod=${chmod}`]),
    ...(parents ? ['--parents'] : []),
  ]
  // With --link the layer stands for itself: what is below doesn't matter.
  const below = link ? 'link' : stage.diffIds
  const words = [...named, ...instruction.heredocs.map(({ name }) => `<<${name}`), destinationText]
  await stage.layer(
    {
      key: keys.of(kind, below, destination, chown, chmod, parents, isContext, inputs),
      place: instruction,
      borrow: 'content',
      make: async () => {
        const target = link ? scratch : (await stage.tree()).root
        const owner = await ownerOf(stage, chown, isContext)
        const request: CopyRequest = {
          sources,
          inline,
          destination,
          target,
          owner,
          mode,
          madeMode: chmod === undefined ? undefined : octalMode(chmod),
          parents,
          excludes,
          now: session.now,
        }
        const members: PlannedMember[] = planCopy(request)
        for (const { entries } of added.archives) {
          // An archive keeps its owners unless others are named, and its modes whatever --chmod says.
          members.push(
            ...planEntries(entries, {
              ...request,
              owner: chown === undefined ? undefined : owner,
              mode: undefined,
              madeMode: undefined,
            }),
          )
        }
        return writeLayer(withoutLaterTimes(members, session.epoch))
      },
    },
    [kind, ...flagsAsWritten(instruction), ...words].join(' '),
    `${[kind, ...shown, ...words].join(' ')} # buildkit`,
  )
}

const flagsAsWritten = ({ from, chown, chmod, link, parents }: CopyInstruction): string[] => [
  ...(from === undefined ? [] : [`--from=${from}`]),
  ...(chown === undefined ? [] : [`--chown=${chown}`]),
  ...(chmod === undefined ? [] : [`--chmod=${chmod}`]),
  ...(link ? ['--link'] : []),
  ...(parents ? ['--parents'] : []),
]

function checkSources({ checksum }: CopyInstruction, sources: readonly string[]): void {
  if (checksum !== undefined && !sources.every((source) => /^https?:\/\//.test(source))) {
    throw new EngineError('invalid-parameter', 'checksum requires HTTP(S) or Git sources')
  }
}

function excluder(patterns: readonly string[]): (path: string) => boolean {
  if (patterns.length === 0) return () => false
  const ignore = new IgnorePatterns(patterns)
  return (path) => ignore.ignores(path) && !ignore.mayHoldExceptions(path)
}

/** Words of a here-document: variables are expanded, quotes are characters. */
function expandHeredoc(stage: StageRun, text: string): string {
  return stage.scope.expandText(text)
}

/** In the classic builder a missing source has another sentence. */
function located<T>(stage: StageRun, { kind, from }: CopyInstruction, select: () => T): T {
  try {
    return select()
  } catch (error) {
    if (!(error instanceof SourceNotFound)) throw error
    if (stage.environment.session.request.trace) {
      throw new EngineError('invalid-parameter', `failed to compute cache key: ${error.message}`, {
        cause: error,
      })
    }
    const { source } = error
    const message =
      from === undefined && /^(\/?\.\.)(\/|$)/.test(source)
        ? `forbidden path outside the build context: ${source} ()`
        : from === undefined
          ? `file not found in build context or excluded by .dockerignore: stat ${source.replace(/^\//, '')}: file does not exist`
          : `stat ${source}: file does not exist`
    throw new EngineError('invalid-parameter', `${kind} failed: ${message}`, { cause: error })
  }
}

/** Files of a context are root's; those of images and stages stay whose they are. */
async function ownerOf(
  stage: StageRun,
  chown: string | undefined,
  isContext: boolean,
): Promise<{ uid: number; gid: number } | undefined> {
  if (chown === undefined || chown === '') return isContext ? { uid: 0, gid: 0 } : undefined
  return userOf((await stage.tree()).root, chown)
}

/** Owner by `user[:group]`: a number alone is the group's, too. */
async function userOf(root: RootfsNode, text: string): Promise<{ uid: number; gid: number }> {
  const { uid, gid } = await resolveUser(root, text, [])
  return /^\d+$/.test(text) ? { uid, gid: uid } : { uid, gid }
}
