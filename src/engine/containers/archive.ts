import { EngineError } from '../../core/error.ts'
import type { FileStat } from '../../core/guest-archives.ts'
import { decompressed } from '../../codec/decompress.ts'
import type { Context } from '../context.ts'
import type { Container } from './container.ts'
import type { ContainerSet } from './container-set.ts'
import { holdFiles, holding, isMissing, volumesOf } from './files.ts'
import { resolveUser } from './user.ts'

/** ContainerPathStat of the Engine API, for the header X-Docker-Container-Path-Stat. */
export interface PathStat {
  readonly name: string
  readonly size: number
  /** Go's fs.FileMode. */
  readonly mode: number
  /** RFC 3339 with nanoseconds. */
  readonly mtime: string
  readonly linkTarget: string
}

export interface ExtractOptions {
  readonly path: string
  readonly noOverwriteDirNonDir: boolean
  /** All is to belong to the container's user. */
  readonly copyUIDGID: boolean
  readonly signal: AbortSignal
}

/** @throws EngineError `not-found`: `Could not find the file /x in container web` */
export async function statPath(
  containers: ContainerSet,
  nameOrId: string,
  path: string,
  signal: AbortSignal,
): Promise<PathStat> {
  const absolute = absolutePath(path)
  using held = await holdFiles(containers, containers.get(nameOrId), { volumes: true, signal })
  const stat = await containers.context.machine.files
    .stat(held.files, absolute, signal)
    .catch((error: unknown) => missing(error, nameOrId, path))
  return pathStat(absolute, stat)
}

/** A path with all below it as a tar, under the path's last name (moby daemon/archive_unix.go, containerArchivePath). */
export async function archivePath(
  containers: ContainerSet,
  nameOrId: string,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly stat: PathStat; readonly tar: ReadableStream<Uint8Array> }> {
  const container = containers.get(nameOrId)
  const absolute = absolutePath(path)
  const held = await holdFiles(containers, container, { volumes: true, signal })
  try {
    const { stat, tar } = await containers.context.machine.files
      .read(held.files, absolute, { name: baseName(absolute), wholeSeconds: true, signal })
      .catch((error: unknown) => missing(error, nameOrId, path))
    container.event('archive-path')
    return { stat: pathStat(absolute, stat), tar: holding(tar, held) }
  } catch (error) {
    held[Symbol.dispose]()
    throw error
  }
}

/**
 * Unpack a tar, compressed or not, into a directory of a container (moby daemon/archive_unix.go, containerExtractToDir).
 * @throws EngineError with Docker's sentences
 */
export async function extractToDirectory(
  containers: ContainerSet,
  nameOrId: string,
  tar: ReadableStream<Uint8Array>,
  { path, noOverwriteDirNonDir, copyUIDGID, signal }: ExtractOptions,
): Promise<void> {
  const container = containers.get(nameOrId)
  const { machine } = containers.context
  const absolute = absolutePath(path)
  using held = await holdFiles(containers, container, { volumes: true, signal })
  try {
    if (mayBeReadOnly(containers.context, container)) {
      const { mode, linkTarget } = await machine.files.stat(held.files, absolute, signal)
      const place = linkTarget || absolute
      const isDirectory = linkTarget !== '' || (mode & S_IFMT) === S_IFDIR
      if (isDirectory) requireWritable(containers.context, container, place)
    }
    const owner = copyUIDGID ? await userOf(containers, container) : undefined
    await machine.files.write(held.files, absolute, await decompressed(tar), {
      noOverwriteDirNonDir,
      signal,
      ...(owner ? { owner } : {}),
    })
  } catch (error) {
    missing(error, nameOrId, path)
  }
  container.event('extract-to-dir')
}

function missing(error: unknown, nameOrId: string, path: string): never {
  throw isMissing(error)
    ? new EngineError('not-found', `Could not find the file ${path} in container ${nameOrId}`, {
        cause: error,
      })
    : error
}

async function userOf(
  containers: ContainerSet,
  container: Container,
): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  const { config, image } = container.record
  if (config.User === '') return undefined
  const { root } = await containers.images.tree(image)
  const { uid, gid } = await resolveUser(root, config.User, [])
  return { uid, gid }
}

const isReadOnly = (options: readonly string[] = []): boolean => options.includes('ro')

const mayBeReadOnly = (context: Context, container: Container): boolean =>
  container.record.hostConfig.ReadonlyRootfs ||
  volumesOf(context, container).some(({ options }) => isReadOnly(options))

/** @throws EngineError `invalid-parameter` */
function requireWritable(context: Context, container: Container, path: string): void {
  const volume = volumesOf(context, container)
    .filter(({ destination }) => path === destination || path.startsWith(`${destination}/`))
    .sort((left, right) => right.destination.length - left.destination.length)[0]
  if (volume && isReadOnly(volume.options)) {
    throw new EngineError('invalid-parameter', 'mounted volume is marked read-only')
  }
  if (!volume && container.record.hostConfig.ReadonlyRootfs) {
    throw new EngineError('invalid-parameter', 'container rootfs is marked read-only')
  }
}

/**
 * From the root, without dots, but with the slash or dot at the end that makes links be followed (moby
 * pkg/archive/copy.go, PreserveTrailingDotOrSeparator).
 */
function absolutePath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  const clean = `/${parts.join('/')}`
  const slash = clean === '/' ? '' : '/'
  if (/(^|\/)\.\/*$/.test(path)) return `${clean}${slash}.`
  return path.endsWith('/') ? `${clean}${slash}` : clean
}

/** Go's filepath.Base. */
const baseName = (path: string): string => path.replace(/\/+$/, '').split('/').at(-1) || '/'

const S_IFMT = 0o170000
const S_IFDIR = 0o040000

/** Bits of Go's fs.FileMode by file type (io/fs/fs.go). */
const goTypes: Readonly<Record<number, number>> = {
  [S_IFDIR]: 2 ** 31,
  [0o120000]: 2 ** 27,
  [0o060000]: 2 ** 26,
  [0o020000]: 2 ** 26 + 2 ** 21,
  [0o010000]: 2 ** 25,
  [0o140000]: 2 ** 24,
}

const goMode = (mode: number): number =>
  (mode & 0o777) +
  (goTypes[mode & S_IFMT] ?? 0) +
  (mode & 0o4000 ? 2 ** 23 : 0) +
  (mode & 0o2000 ? 2 ** 22 : 0) +
  (mode & 0o1000 ? 2 ** 20 : 0)

function pathStat(path: string, stat: FileStat): PathStat {
  const { size, seconds, nanoseconds, linkTarget } = stat
  const time = new Date(seconds * 1000).toISOString().slice(0, 19)
  const fraction = String(nanoseconds).padStart(9, '0').replace(/0+$/, '')
  return {
    name: baseName(path),
    size,
    mode: goMode(stat.mode),
    mtime: `${time}${fraction === '' ? '' : `.${fraction}`}Z`,
    linkTarget,
  }
}
