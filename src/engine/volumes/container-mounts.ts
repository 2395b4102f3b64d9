import { EngineError } from '../../core/error.ts'
import type { Machine } from '../../ports/machine.ts'
import { TarWriter } from '../../codec/tar/write.ts'
import type { MountPoint } from './mount-point.ts'
import {
  cleanPath,
  parseBind,
  parseMount,
  type MountRequest,
  type MountWish,
} from './parse-mounts.ts'
import type { Volumes } from './volumes.ts'

/** What a container is to see, as its creator said it. */
export interface MountRequests {
  readonly binds: readonly string[]
  readonly mounts: readonly MountRequest[]
  /** Destinations of the image and of `-v /path`: each gets a volume of its own. */
  readonly volumes: readonly string[]
  /** Destinations of `--tmpfs`. */
  readonly tmpfs: readonly string[]
  /** Mount points of the containers of `--volumes-from`. */
  readonly from: readonly MountPoint[]
}

/** Guest's own, wherever the client is: tools take the engine's socket with them. */
const SOCKET = /^(\/var)?\/run\/docker\.sock$/

/**
 * Checks that need nothing made.
 * @throws EngineError with Docker's sentences
 */
export function wishesOf(requests: MountRequests): MountWish[] {
  const wishes = new Map<string, MountWish>()
  const taken = new Set(requests.tmpfs.map(cleanPath))
  for (const { source, ...mount } of requests.from)
    wishes.set(mount.destination, {
      ...mount,
      ...(mount.type === 'bind' ? { source } : {}),
      copy: false,
    })
  const add = (wish: MountWish): void => {
    const { destination } = wish
    if (taken.has(destination))
      throw new EngineError('invalid-parameter', `Duplicate mount point: ${destination}`)
    taken.add(destination)
    wishes.set(destination, wish)
  }
  for (const text of requests.binds) add(parseBind(text))
  for (const mount of requests.mounts) {
    const wish = parseMount(mount)
    if (wish) {
      add(wish)
      continue
    }
    const destination = cleanPath(mount.Target)
    if (taken.has(destination))
      throw new EngineError('invalid-parameter', `Duplicate mount point: ${destination}`)
    taken.add(destination)
  }
  for (const path of requests.volumes) {
    const destination = cleanPath(path)
    if (destination === '/')
      throw new EngineError('invalid-parameter', "invalid specification: destination can't be '/'")
    if (taken.has(destination) || wishes.has(destination)) continue
    wishes.set(destination, {
      type: 'volume',
      destination,
      mode: '',
      writable: true,
      propagation: '',
      copy: true,
    })
  }
  // Parents come before what lies below them.
  const depth = ({ destination }: MountWish): number => destination.split('/').length
  return [...wishes.values()].sort((one, other) => depth(one) - depth(other))
}

/**
 * Makes the volumes that are missing, and looks for the sources of `--mount`.
 * @param hostPaths whose files paths of bind mounts name
 * @throws EngineError `invalid-parameter` for a bind mount's source that isn't there
 */
export async function settleMounts(
  wishes: readonly MountWish[],
  volumes: Volumes,
  machine: Machine,
  hostPaths: 'guest' | 'client',
): Promise<MountPoint[]> {
  for (const { type, source = '', create } of wishes) {
    if (type !== 'bind') continue
    if (hostPaths === 'client' && !SOCKET.test(source)) {
      throw new EngineError(
        'not-implemented',
        `bind mounts of this machine's directories are not supported: ${source}`,
      )
    }
    if (!create && !SOCKET.test(source) && !(await isThere(machine, source))) {
      throw new EngineError(
        'invalid-parameter',
        `invalid mount config for type "bind": bind source path does not exist: ${source}`,
      )
    }
  }
  const points: MountPoint[] = []
  for (const wish of wishes) points.push(await volumes.settle(wish))
  return points
}

/** Sources of `-v` that are missing are made, as directories (moby daemon/volumes_unix.go setupMounts). */
export async function makeSources(machine: Machine, mounts: readonly MountPoint[]): Promise<void> {
  for (const { type, source, create } of mounts) {
    if (type !== 'bind') continue
    // The root that they are in must be there, too.
    if (await isThere(machine, source)) continue
    if (!create) {
      throw new EngineError(
        'invalid-parameter',
        `invalid mount config for type "bind": bind source path does not exist: ${source}`,
      )
    }
    await makeDirectories(machine, source)
  }
}

async function isThere(machine: Machine, path: string): Promise<boolean> {
  try {
    await machine.statFile({ host: true }, path)
    return true
  } catch (error) {
    if (error instanceof EngineError && error.code === 'not-found') return false
    throw error
  }
}

async function makeDirectories(machine: Machine, path: string): Promise<void> {
  const parts = path.split('/').filter((part) => part !== '')
  let known = 0
  while (
    known < parts.length &&
    (await isThere(machine, `/${parts.slice(0, known + 1).join('/')}`))
  )
    known++
  const writer = new TarWriter()
  const headers = parts.slice(known).map((_, at) =>
    writer.header({
      kind: 'directory',
      path: parts.slice(known, known + at + 1).join('/'),
      mode: 0o755,
      uid: 0,
      gid: 0,
      mtime: 0,
      size: 0,
    }),
  )
  const tar = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const header of headers) controller.enqueue(header)
      controller.enqueue(writer.end())
      controller.close()
    },
  })
  await machine.writeFiles({ host: true }, `/${parts.slice(0, known).join('/')}`, tar)
}
