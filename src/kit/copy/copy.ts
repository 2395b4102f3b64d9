import { isNotFound } from '../../client/client-error.ts'
import type { DockerClient } from '../../client/client.ts'
import type { PathStat } from '../../client/containers.ts'
import { CliFileError, type CliHost, type FileStat } from '../../ports/cli-host.ts'
import { ExitError } from '../command.ts'
import { packFiles } from '../pack-files.ts'
import { pathFrom } from '../paths.ts'
import type { TextOutput } from '../text-output.ts'
import { unpackFiles } from './unpack-files.ts'

/** Between whom is copied; an Invocation is one. */
export interface CopyParties {
  readonly client: DockerClient
  readonly host: CliHost
  readonly out: TextOutput
  readonly signal: AbortSignal
}

/** What was copied, unless it was a stream. */
export interface Copied {
  /** Bytes of the archive. */
  readonly bytes: number
  readonly target: string
}

export interface CopyPlace {
  /** A container's or a service's name; empty of a local path. */
  readonly container: string
  readonly path: string
}

/** `web:/etc`; a path that starts with a dot or a slash is local, whatever colons it has. */
export function copyPlace(text: string): CopyPlace {
  const colon = text.indexOf(':')
  if (text.startsWith('/') || text.startsWith('.') || colon < 0)
    return { container: '', path: text }
  return { container: text.slice(0, colon), path: text.slice(colon + 1) }
}

/** Go's os.ModeDir and os.ModeSymlink. */
const isDirectory = ({ mode }: PathStat): boolean => Math.floor(mode / 2 ** 31) % 2 === 1
const isLink = ({ mode }: PathStat): boolean => Math.floor(mode / 2 ** 27) % 2 === 1

const lastOf = (path: string): string => path.replace(/\/+$/, '').split('/').at(-1) ?? ''
/** `dir/.` means what is in it. */
const contentsOnly = (path: string): boolean => path === '.' || path.endsWith('/.')

/** To a local path, or as a tar to standard output when that is `-`. */
export async function copyFrom(
  parties: CopyParties,
  source: CopyPlace,
  target: string,
  options: { readonly followLink: boolean },
): Promise<Copied | undefined> {
  const { client, host, out, signal } = parties
  let { path } = source
  if (options.followLink) {
    const stat = await client.containers.statPath(source.container, path, signal)
    if (isLink(stat))
      path = stat.linkTarget.startsWith('/')
        ? stat.linkTarget
        : `${path.replace(/[^/]*$/, '')}${stat.linkTarget}`
  }
  if (target === '-' && host.tty[1]) {
    throw new ExitError(1, 'cowardly refusing to copy to a terminal: use a file or redirect')
  }
  const { stat, tar } = await client.containers.archive(source.container, path, signal)
  if (target === '-') {
    for await (const bytes of tar) await out.bytes(bytes)
    return undefined
  }
  const destination = pathFrom(host, target)
  await checkFolder(parties, destination)
  const there = await statOrNothing(parties, destination)
  const directory = isDirectory(stat)
  if (there === undefined && target.endsWith('/') && !directory)
    throw new ExitError(1, 'no such directory')
  if (there !== undefined && there.kind !== 'directory' && directory) {
    throw new ExitError(1, 'cannot copy directory')
  }
  // Into a directory that is there, under its own name; else the copy gets the name that was given.
  const into = there?.kind === 'directory' && !contentsOnly(path)
  const root = into ? `${destination === '/' ? '' : destination}/${lastOf(stat.name)}` : destination
  const bytes = await unpackFiles(host.files, tar, root, contentsOnly(path))
  return { bytes, target: destination }
}

/** From a local path, or from a tar when it is a stream. */
export async function copyTo(
  parties: CopyParties,
  source: string | ReadableStream<Uint8Array>,
  target: CopyPlace,
  options: { readonly copyUIDGID: boolean },
): Promise<Copied | undefined> {
  const { client, host, signal } = parties
  const { container } = target
  const stat = await containerStat(parties, target)
  if (typeof source !== 'string') {
    if (stat === undefined || !isDirectory(stat)) {
      throw new ExitError(1, `destination "${container}:${target.path}" must be a directory`)
    }
    await client.containers.extract(container, target.path, source, options, signal)
    return undefined
  }
  const path = pathFrom(host, source)
  const local = await host.files.stat(path)
  if (stat !== undefined && !isDirectory(stat) && local.kind === 'directory')
    throw new ExitError(1, 'cannot copy directory')
  if (stat === undefined && target.path.endsWith('/') && local.kind !== 'directory') {
    throw new ExitError(1, `no such directory`)
  }
  const into = stat !== undefined && isDirectory(stat)
  const parent = into ? target.path : target.path.replace(/\/*[^/]*\/*$/, '') || '/'
  const name = into ? (contentsOnly(source) ? '.' : lastOf(path)) : lastOf(target.path)
  const packed = packFiles(host.files, path, name)
  await client.containers.extract(container, parent, packed.tar, options, signal)
  return { bytes: packed.size(), target: `${container}:${target.path}` }
}

/** Where the path leads in the container, through a link; nothing when it isn't there. */
async function containerStat(
  { client, signal }: CopyParties,
  { container, path }: CopyPlace,
): Promise<PathStat | undefined> {
  try {
    const stat = await client.containers.statPath(container, path, signal)
    if (!isLink(stat)) return stat
    const followed = stat.linkTarget.startsWith('/')
      ? stat.linkTarget
      : `${path.replace(/[^/]*\/*$/, '')}${stat.linkTarget}`
    return await client.containers.statPath(container, followed, signal)
  } catch (error) {
    if (!isNotFound(error)) throw error
    // Of an unknown container nothing else will tell.
    await client.containers.inspect(container, signal)
    return undefined
  }
}

/** @throws ExitError in the words of docker/cli command.ValidateOutputPath */
async function checkFolder(parties: CopyParties, path: string): Promise<void> {
  const folder = path.replace(/\/+$/, '').replace(/\/[^/]*$/, '')
  if (folder === '' || (await statOrNothing(parties, folder))) return
  throw new ExitError(1, `invalid output path: directory ${JSON.stringify(folder)} does not exist`)
}

async function statOrNothing({ host }: CopyParties, path: string): Promise<FileStat | undefined> {
  try {
    return await host.files.stat(path)
  } catch (error) {
    if (error instanceof CliFileError && error.code === 'ENOENT') return undefined
    throw error
  }
}
