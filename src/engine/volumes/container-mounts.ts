import { EngineError } from '../../core/error.ts'
import type { MountSpec } from '../../core/host-config.ts'
import type { Context } from '../context.ts'
import type { MountPoint } from './mount-point.ts'
import { cleanPath, parseBind, parseMount, type MountWish } from './parse-mounts.ts'
import { checkWish } from './places.ts'
import type { VolumeRecord } from './volume.ts'
import type { Volumes } from './volumes.ts'

/** What a container is to see, as its creator said it. */
export interface MountRequests {
  readonly binds: readonly string[]
  readonly mounts: readonly MountSpec[]
  /** Destinations of the image and of `-v /path`: each gets a volume of its own. */
  readonly volumes: readonly string[]
  /** Destinations of `--tmpfs`. */
  readonly tmpfs: readonly string[]
  /** Mount points of the containers of `--volumes-from`. */
  readonly from: readonly MountPoint[]
}

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
 * @param made takes the volumes that are new: to be stored with the container
 * @throws EngineError `invalid-parameter` for a bind mount's source that isn't there, or is not to be had
 */
export async function settleMounts(
  wishes: readonly MountWish[],
  volumes: Volumes,
  context: Context,
  made: VolumeRecord[],
): Promise<MountPoint[]> {
  for (const { source = '', ...wish } of wishes)
    if (wish.type === 'bind') await checkWish(context, { ...wish, source })
  const points: MountPoint[] = []
  for (const wish of wishes) points.push(await volumes.settle(wish, made))
  return points
}
