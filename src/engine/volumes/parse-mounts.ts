import { EngineError } from '../../core/error.ts'
import type { MountSpec } from '../../core/host-config.ts'
import type { MountPoint } from './mount-point.ts'

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

/** Whether a path stays below where it starts, as it is written (Go's filepath.IsLocal). */
function isLocal(path: string): boolean {
  let depth = 0
  for (const part of path.split('/')) {
    if (part === '..') depth--
    else if (part !== '' && part !== '.') depth++
    if (depth < 0) return false
  }
  return !path.startsWith('/')
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
  // Docker forgets to say that it is the client's fault.
  const wrong = (message: string): EngineError => new EngineError('internal', message)
  const invalid = (reason?: string): EngineError =>
    wrong(`invalid volume specification: '${text}'${reason === undefined ? '' : `: ${reason}`}`)
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
  if (!isMode(mode)) throw wrong(`invalid mode: ${mode}`)
  const words = mode.split(',')
  const propagation = words.find((word) => PROPAGATIONS.includes(word)) ?? ''
  const writable = !words.includes('ro')
  const base = { destination: second, writable, propagation }
  if (first.startsWith('/')) {
    if (words.includes('nocopy'))
      throw invalid(
        'invalid mount config for type "bind": field VolumeOptions must not be specified',
      )
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
  if (propagation !== '')
    throw invalid('invalid mount config for type "volume": field BindOptions must not be specified')
  return targeted(
    { ...base, type: 'volume', name: first, mode: mode || 'z', copy: !words.includes('nocopy') },
    invalid,
  )
}

function targeted(wish: MountWish, invalid: (reason: string) => EngineError): MountWish {
  try {
    checkTarget(wish.destination)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw invalid(`invalid mount config for type "${wish.type}": ${reason}`)
  }
  return { ...wish, destination: cleanPath(wish.destination) }
}

function conflictOf({ ReadOnly: readOnly, BindOptions: bind }: MountSpec): string | undefined {
  const { ReadOnlyNonRecursive: shallow, ReadOnlyForceRecursive: deep } = bind ?? {}
  if (shallow && !readOnly) return '!ReadOnly && BindOptions.ReadOnlyNonRecursive'
  if (deep && !readOnly) return '!ReadOnly && BindOptions.ReadOnlyForceRecursive'
  return shallow && deep
    ? 'BindOptions.ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive'
    : undefined
}

/**
 * A `--mount` (moby volume/mounts/linux_parser.go validateMountConfigImpl); undefined for tmpfs, which is no mount point.
 * @throws EngineError `invalid-parameter`, `not-implemented`
 */
export function parseMount(mount: MountSpec): MountWish | undefined {
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
      const conflict = conflictOf(mount)
      if (conflict !== undefined) throw invalid(`mount options conflict: ${conflict}`)
      return {
        ...base,
        type: 'bind',
        source: cleanPath(source),
        propagation: propagation || 'rprivate',
        create: bind?.CreateMountpoint ?? false,
        ...(bind?.NonRecursive ? { flat: true } : {}),
        ...(bind?.ReadOnlyNonRecursive ? { shallow: true } : {}),
      }
    }
    case 'volume': {
      if (bind) throw invalid('field BindOptions must not be specified')
      if (source === '' && mount.ReadOnly)
        throw invalid('must not set ReadOnly mode when using anonymous volumes')
      const subpath = volume?.Subpath ?? ''
      if (subpath !== '') {
        if (source === '') throw invalid('must not set Subpath when using anonymous volumes')
        if (!isLocal(subpath)) throw invalid('subpath must be a relative path within the volume')
      }
      return {
        ...base,
        type: 'volume',
        ...(source === '' ? {} : { name: source }),
        mode: 'z',
        propagation: '',
        copy: !volume?.NoCopy && subpath === '',
        ...(subpath === '' ? {} : { subpath }),
        ...(volume?.Labels ? { labels: volume.Labels } : {}),
        ...(volume?.DriverConfig?.Name ? { driver: volume.DriverConfig.Name } : {}),
        ...(volume?.DriverConfig?.Options ? { options: volume.DriverConfig.Options } : {}),
      }
    }
    case 'image':
      throw new EngineError('not-implemented', 'mounts of type "image" are not supported')
    default:
      throw invalid('mount type unknown')
  }
}
