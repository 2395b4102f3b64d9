import type { HostConfig, MountSpec } from '../../core/host-config.ts'
import type { FileReference } from '../build-config.ts'
import type { ConfigObjectConfig, Project, SecretConfig } from '../project.ts'
import type { ServiceVolume } from '../service.ts'
import type { Creation } from './creation.ts'

type Binds = Pick<HostConfig, 'Binds' | 'Mounts'>

/** A service's volumes, secrets and configs that are files, and what it inherits. Plain ones are binds: they make the host's directory. */
export function mounts({ project, service, inherit }: Creation): Binds {
  const volumes = service.volumes ?? []
  const inherited = inheritedMounts(volumes, inherit)
  const targets = new Set(inherited.map(({ Target }) => Target))
  const own = volumes.filter(({ target, source }) => source !== undefined || !targets.has(target))
  const binds: string[] = []
  const all: MountSpec[] = [...inherited]
  for (const volume of own) {
    const text = bindText(project, volume)
    if (text === undefined) all.push(mountOf(project, volume))
    else binds.push(text)
  }
  const taken = new Set([...targets, ...own.map(({ target }) => target)])
  const files = [
    ...(service.secrets ?? []).flatMap((use) => fileMount(use, 'secret', project.secrets)),
    ...(service.configs ?? []).flatMap((use) => fileMount(use, 'config', project.configs)),
  ]
  for (const file of files) if (!taken.has(file.Target)) all.push(file)
  return { Binds: binds, Mounts: all }
}

/** Anonymous volumes of the container that is replaced, whether its image or the service asked for them. */
function inheritedMounts(
  volumes: readonly ServiceVolume[],
  inherit: Creation['inherit'],
): readonly MountSpec[] {
  if (!inherit) return []
  const anonymous = new Set([
    ...inherit.imageVolumes,
    ...volumes.filter(({ source }) => source === undefined).map(({ target }) => target),
  ])
  return (inherit.from.Mounts ?? []).flatMap((mount): MountSpec[] => {
    if (mount.Type === 'tmpfs' || !anonymous.has(mount.Destination)) return []
    return [
      {
        Type: mount.Type === 'volume' ? 'volume' : 'bind',
        Source: mount.Type === 'volume' ? (mount.Name ?? '') : mount.Source,
        Target: mount.Destination,
        ReadOnly: mount.RW === false,
      },
    ]
  })
}

function bindText(project: Project, volume: ServiceVolume): string | undefined {
  const { type, source, target, read_only: readOnly = false, bind } = volume
  const options = [readOnly ? 'ro' : 'rw', ...(bind?.selinux === undefined ? [] : [bind.selinux])]
  const text = (name: string): string => `${name}:${target}:${options.join(',')}`
  if (source === undefined) return undefined
  if (type === 'bind') {
    const advanced =
      bind &&
      (bind.create_host_path !== true ||
        bind.propagation !== undefined ||
        bind.recursive !== undefined)
    return advanced === true ? undefined : text(source)
  }
  const known = project.volumes[source]
  if (type !== 'volume' || !known) return undefined
  const { labels = {}, subpath, nocopy = false } = volume.volume ?? {}
  const advanced = Object.keys(labels).length > 0 || subpath !== undefined || nocopy
  return advanced ? undefined : text(known.name)
}

function mountOf(project: Project, volume: ServiceVolume): MountSpec {
  const { type, source, target, bind, tmpfs } = volume
  const name = type === 'volume' && source !== undefined ? project.volumes[source]?.name : source
  return {
    Type: type,
    ...((name ?? source) !== undefined && { Source: name ?? source }),
    Target: target,
    ReadOnly: volume.read_only === true,
    ...(volume.consistency !== undefined && { Consistency: volume.consistency }),
    ...(type === 'bind' && bind && { BindOptions: bindOptions(bind) }),
    ...(type === 'volume' &&
      volume.volume && {
        VolumeOptions: {
          NoCopy: volume.volume.nocopy === true,
          ...(volume.volume.labels && { Labels: volume.volume.labels }),
          ...(volume.volume.subpath !== undefined && { Subpath: volume.volume.subpath }),
        },
      }),
    ...(type === 'tmpfs' &&
      tmpfs && {
        TmpfsOptions: {
          ...(tmpfs.size !== undefined && { SizeBytes: Number(tmpfs.size) }),
          ...(tmpfs.mode !== undefined && { Mode: tmpfs.mode }),
        },
      }),
    ...(type === 'image' &&
      volume.image?.subpath !== undefined && {
        ImageOptions: { Subpath: volume.image.subpath },
      }),
  }
}

const bindOptions = (bind: NonNullable<ServiceVolume['bind']>): object => ({
  ...(bind.propagation !== undefined && { Propagation: bind.propagation }),
  CreateMountpoint: bind.create_host_path === true,
  ...(bind.recursive === 'disabled' && { NonRecursive: true }),
  ...(bind.recursive === 'writable' && { ReadOnlyNonRecursive: true }),
  ...(bind.recursive === 'readonly' && { ReadOnlyForceRecursive: true }),
})

type Kind = 'secret' | 'config'

/** Where a secret or config stands in the container. */
export function fileTarget({ source, target }: FileReference, kind: Kind): string {
  const name = target ?? source
  if (name.startsWith('/')) return name
  return kind === 'secret' ? `/run/secrets/${name}` : `/${name}`
}

/** Those with a file; others are copied in before the start. */
function fileMount(
  use: FileReference,
  kind: Kind,
  known: Readonly<Record<string, SecretConfig | ConfigObjectConfig>>,
): readonly MountSpec[] {
  const object = known[use.source]
  if (!object) return []
  if (object.external === true) throw new Error(`unsupported external ${kind} ${object.name}`)
  if (object.driver !== undefined)
    throw new Error(`Docker Compose does not support ${kind}s.*.driver`)
  if (object.template_driver !== undefined)
    throw new Error(`Docker Compose does not support ${kind}s.*.template_driver`)
  if (object.file === undefined) return []
  return [
    {
      Type: 'bind',
      Source: object.file,
      Target: fileTarget(use, kind),
      ReadOnly: true,
      ...(kind === 'secret' && { BindOptions: { CreateMountpoint: false } }),
    },
  ]
}
