import { EngineError } from '../../core/error.ts'
import type { RuntimeMount } from '../../core/runtime-spec.ts'
import type { MachinePlaces } from '../../ports/machine/places.ts'
import { runtimeMount, type MountPoint } from '../volumes/mount-point.ts'
import type { CompleteHostConfig } from '../../core/host-config.ts'
import { networkFileNames } from './network-files.ts'
import { defaultMounts, sharedMemory } from '../../core/default-mounts.ts'

/** Mounts of a container, in the order they are made (moby oci/defaults.go, daemon/oci_linux.go). */
export function containerMounts(
  places: MachinePlaces,
  id: string,
  host: CompleteHostConfig,
  points: readonly MountPoint[],
): RuntimeMount[] {
  const tmpfs = Object.entries(host.Tmpfs ?? {}).map(([destination, options]) =>
    tmpfsMount(destination, options),
  )
  const temporary = (host.Mounts ?? []).filter(({ Type: type }) => type === 'tmpfs')
  const requested = temporary.map((mount) =>
    tmpfsMount(
      mount.Target,
      [
        ...(mount.ReadOnly ? ['ro'] : []),
        ...(mount.TmpfsOptions?.SizeBytes ? [`size=${mount.TmpfsOptions.SizeBytes}`] : []),
        ...(mount.TmpfsOptions?.Mode ? [`mode=${mount.TmpfsOptions.Mode.toString(8)}`] : []),
      ].join(),
    ),
  )
  const own = [...tmpfs, ...requested, ...points.map((point) => runtimeMount(places, point))]
  const taken = new Set(own.map(({ destination }) => destination))
  const standard = [
    ...standardMounts(host),
    ...networkFileNames.map((name) => ({
      destination: `/etc/${name}`,
      type: 'bind',
      source: places.file(id, name),
      options: ['rbind', 'rprivate', ...(host.ReadonlyRootfs ? ['ro'] : [])],
    })),
    ...(host.Init
      ? [
          {
            destination: '/sbin/docker-init',
            type: 'bind',
            source: places.init,
            options: ['bind', 'ro'],
          },
        ]
      : []),
  ]
  // Parents come before what lies below them.
  const depth = ({ destination }: RuntimeMount): number => destination.split('/').length
  return [
    ...standard.filter(({ destination }) => !taken.has(destination)),
    ...own.sort((left, right) => depth(left) - depth(right)),
  ]
}

function standardMounts(host: CompleteHostConfig): RuntimeMount[] {
  const shared = host.IpcMode === 'none' ? [] : [sharedMemory(host.ShmSize)]
  return [...defaultMounts(host.Privileged ? 'rw' : 'ro'), ...shared]
}

/**
 * @param options as in `--tmpfs /path:rw,size=64m`
 * @throws EngineError `invalid-parameter`
 */
function tmpfsMount(destination: string, options: string): RuntimeMount {
  if (!destination.startsWith('/')) {
    throw new EngineError(
      'invalid-parameter',
      `invalid mount path: '${destination}' mount path must be absolute`,
    )
  }
  const given = options.split(',').filter((option) => option !== '')
  const names = given.map((option) => option.split('=')[0])
  const defaults = [
    ['noexec', 'exec'],
    ['nosuid', 'suid'],
    ['nodev', 'dev'],
  ].filter(([, opposite]) => !names.includes(opposite))
  return {
    destination,
    type: 'tmpfs',
    source: 'tmpfs',
    options: [...new Set([...defaults.map(([name = '']) => name), ...given])],
  }
}
