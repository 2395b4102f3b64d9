import { EngineError } from '../../core/error.ts'
import type { MountPoint } from './mount-point.ts'

/** Mount of the Engine API. */
export interface MountRequest {
  readonly Type: string
  readonly Source?: string
  readonly Target: string
  readonly ReadOnly?: boolean
  readonly BindOptions?: {
    readonly Propagation?: string
    readonly NonRecursive?: boolean
    readonly CreateMountpoint?: boolean
  }
  readonly VolumeOptions?: {
    readonly NoCopy?: boolean
    readonly Labels?: Readonly<Record<string, string>>
    readonly Subpath?: string
    readonly DriverConfig?: {
      readonly Name?: string
      readonly Options?: Readonly<Record<string, string>>
    }
  }
  readonly TmpfsOptions?: { readonly SizeBytes?: number; readonly Mode?: number }
}

/** A mount point before its volume is known: a volume without a name gets one. */
export type MountWish = Omit<MountPoint, 'source'> & {
  readonly source?: string
  readonly driver?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly options?: Readonly<Record<string, string>>
}

const bad = (message: string): EngineError => new EngineError('invalid-parameter', message)

const PROPAGATIONS = ['shared', 'rshared', 'slave', 'rslave', 'private', 'rprivate']
/** At most one of each (moby volume/mounts/linux_parser.go linuxValidMountMode). */
const MODES: readonly (readonly string[])[] = [
  ['rw', 'ro'],
  ['z', 'Z'],
  ['nocopy'],
  PROPAGATIONS,
  ['consistent', 'cached', 'delegated'],
]

function isMode(text: string): boolean {
  const words = text.split(',')
  return (
    text === '' ||
    (words.every((word) => MODES.some((group) => group.includes(word))) &&
      MODES.every((group) => words.filter((word) => group.includes(word)).length <= 1))
  )
}

/** Without `.`, `..` and doubled slashes. */
export function cleanPath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}

function checkTarget(target: string): void {
  if (!target.startsWith('/'))
    throw bad(`invalid mount path: '${target}' mount path must be absolute`)
  if (cleanPath(target) === '/') throw bad("invalid specification: destination can't be '/'")
}

/**
 * `source:/target[:mode]` of `-v` (moby volume/mounts/linux_parser.go ParseMountRaw).
 * @throws EngineError `invalid-parameter`
 */
export function parseBind(text: string): MountWish {
  const invalid = (reason?: string): EngineError =>
    bad(`invalid volume specification: '${text}'${reason === undefined ? '' : `: ${reason}`}`)
  const parts = text.split(':')
  const [first = '', second, mode = ''] = parts
  if (parts.length > 3 || first === '') throw invalid()
  if (second === undefined) {
    const wish: MountWish = {
      type: 'volume',
      destination: first,
      mode: '',
      writable: true,
      propagation: '',
      copy: true,
    }
    return targeted(wish, invalid)
  }
  if (parts.length === 2 && isMode(second)) throw invalid()
  if (second === '') throw invalid('field Target must not be empty')
  if (!isMode(mode)) throw bad(`invalid mode: ${mode}`)
  const words = mode.split(',')
  const propagation = words.find((word) => PROPAGATIONS.includes(word)) ?? ''
  const writable = !words.includes('ro')
  const base = { destination: second, writable, propagation }
  if (first.startsWith('/')) {
    if (words.includes('nocopy')) throw bad(`invalid mode: ${mode}`)
    return targeted(
      {
        ...base,
        type: 'bind',
        source: cleanPath(first),
        mode,
        propagation: propagation || 'rprivate',
        create: true,
      },
      invalid,
    )
  }
  if (propagation !== '') throw bad(`invalid mode: ${mode}`)
  return targeted(
    { ...base, type: 'volume', name: first, mode: mode || 'z', copy: !words.includes('nocopy') },
    invalid,
  )
}

function targeted(wish: MountWish, invalid: (reason: string) => EngineError): MountWish {
  try {
    checkTarget(wish.destination)
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause))
  }
  return { ...wish, destination: cleanPath(wish.destination) }
}

/**
 * A `--mount` (moby volume/mounts/linux_parser.go validateMountConfigImpl); undefined for tmpfs, which is no mount point.
 * @throws EngineError `invalid-parameter`, `not-implemented`
 */
export function parseMount(mount: MountRequest): MountWish | undefined {
  const invalid = (reason: string): EngineError =>
    bad(`invalid mount config for type "${mount.Type}": ${reason}`)
  const { Source: source = '', Target: target, BindOptions: bind, VolumeOptions: volume } = mount
  if (!target) throw invalid('field Target must not be empty')
  try {
    checkTarget(target)
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause))
  }
  const base = { destination: cleanPath(target), writable: !mount.ReadOnly, mode: '' }
  switch (mount.Type) {
    case 'tmpfs':
      if (source !== '') throw invalid('field Source must not be specified')
      if (bind) throw invalid('field BindOptions must not be specified')
      if (volume) throw invalid('field VolumeOptions must not be specified')
      return undefined
    case 'bind': {
      if (source === '') throw invalid('field Source must not be empty')
      if (volume) throw invalid('field VolumeOptions must not be specified')
      if (!source.startsWith('/'))
        throw invalid(`invalid mount path: '${source}' mount path must be absolute`)
      const propagation = bind?.Propagation ?? ''
      if (propagation !== '' && !PROPAGATIONS.includes(propagation))
        throw invalid(`invalid propagation mode: ${propagation}`)
      return {
        ...base,
        type: 'bind',
        source: cleanPath(source),
        propagation: propagation || 'rprivate',
        create: bind?.CreateMountpoint ?? false,
        ...(bind?.NonRecursive ? { flat: true } : {}),
      }
    }
    case 'volume': {
      if (bind) throw invalid('field BindOptions must not be specified')
      if (source === '' && mount.ReadOnly)
        throw invalid('must not set ReadOnly mode when using anonymous volumes')
      if (volume?.Subpath)
        throw new EngineError('not-implemented', 'subpaths of volumes are not supported')
      return {
        ...base,
        type: 'volume',
        ...(source === '' ? {} : { name: source }),
        mode: 'z',
        propagation: '',
        copy: !volume?.NoCopy,
        ...(volume?.Labels ? { labels: volume.Labels } : {}),
        ...(volume?.DriverConfig?.Name ? { driver: volume.DriverConfig.Name } : {}),
        ...(volume?.DriverConfig?.Options ? { options: volume.DriverConfig.Options } : {}),
      }
    }
    case 'image':
    case 'npipe':
    case 'cluster':
      throw new EngineError('not-implemented', `mounts of type "${mount.Type}" are not supported`)
    default:
      throw invalid('mount type unknown')
  }
}
