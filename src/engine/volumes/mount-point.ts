import type { RuntimeMount } from '../../core/runtime-spec.ts'
import type { MachinePlaces } from '../../ports/machine/places.ts'

/** A volume or a bind mount of a container, settled when it is created (moby volume/mounts/mounts.go). */
export interface MountPoint {
  readonly type: 'bind' | 'volume'
  /** Of a volume. */
  readonly name?: string
  /** A volume that was made for this container alone, and goes with it if asked. */
  readonly anonymous?: boolean
  /** Absolute; of a bind mount, a path of the guest's own root. */
  readonly source: string
  readonly destination: string
  /** As `inspect` shows it. */
  readonly mode: string
  readonly writable: boolean
  readonly propagation: string
  /** Fill the volume from the image when it is empty. */
  readonly copy?: boolean
  /** A missing source is made. */
  readonly create?: boolean
  /** What is mounted beneath the source is not seen. */
  readonly flat?: boolean
  /** Read-only, but not what is mounted beneath it. */
  readonly shallow?: boolean
  /** What of the volume is mounted, relative. */
  readonly subpath?: string
  /** Where the machine has the source, known when the container starts; never stored. */
  readonly place?: string
}

/** Where a volume is, for people and for `inspect`: the guest's own root shows it there. */
export const volumePath = (name: string): string => `/var/lib/docker/volumes/${name}/_data`

export function runtimeMount(places: MachinePlaces, mount: MountPoint): RuntimeMount {
  const { type, name = '', source, destination, writable, propagation, subpath } = mount
  const place = type === 'volume' ? places.volume(name) : places.host(source)
  return {
    destination,
    type: 'bind',
    source: mount.place ?? place,
    ...(subpath === undefined ? {} : { subpath }),
    options: [
      mount.flat ? 'bind' : 'rbind',
      writable ? 'rw' : mount.flat || mount.shallow ? 'ro' : 'rro',
      propagation || 'rprivate',
    ],
    ...(mount.copy ? { copy: true } : {}),
  }
}

/** As `inspect` and the list of containers have it. */
export const mountView = (mount: MountPoint): Readonly<Record<string, unknown>> => ({
  Type: mount.type,
  ...(mount.name === undefined ? {} : { Name: mount.name }),
  Source: mount.source,
  Destination: mount.destination,
  ...(mount.type === 'volume' ? { Driver: 'local' } : {}),
  Mode: mount.mode,
  RW: mount.writable,
  Propagation: mount.type === 'bind' ? mount.propagation || 'rprivate' : mount.propagation,
})
