import { suggestion } from '../../codec/dockerfile/suggest.ts'
import { EngineError } from '../../core/error.ts'

const TYPES = ['bind', 'cache', 'secret', 'ssh', 'tmpfs'] as const
const SHARING = ['shared', 'private', 'locked'] as const
const KEYS = [
  'type',
  'from',
  'source',
  'target',
  'readonly',
  'id',
  'sharing',
  'required',
  'size',
  'mode',
  'uid',
  'gid',
  'src',
  'dst',
  'destination',
  'ro',
  'rw',
  'readwrite',
  'env',
] as const

/** What `--mount` asks for. */
export interface MountOptions {
  readonly type: (typeof TYPES)[number]
  readonly from?: string
  readonly source?: string
  readonly target?: string
  readonly id?: string
  readonly env?: string
  readonly sharing?: (typeof SHARING)[number]
  readonly readOnly: boolean
  readonly required: boolean
  /** Bytes. */
  readonly size?: number
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
}

const invalid = (message: string): EngineError => new EngineError('invalid-parameter', message)

/** Fields as in CSV: one that holds commas or quotes is quoted. */
function* fieldsOf(text: string): Generator<string> {
  for (const [field] of text.matchAll(/(?:"(?:[^"]|"")*"|[^,])+/g)) {
    yield field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field
  }
}

/** Of `type=cache,from=base`: what a stage must be there for. */
export function fromOf(text: string): string | undefined {
  for (const field of fieldsOf(text)) {
    if (field.toLowerCase().startsWith('from=')) return field.slice('from='.length)
  }
  return undefined
}

/**
 * `type=cache,target=/x,ro` (BuildKit frontend/dockerfile/instructions/commands_runmount.go).
 * @throws EngineError `invalid-parameter` in its words
 */
export function parseMount(text: string): MountOptions {
  const values = new Map<(typeof KEYS)[number], string>()
  let type: MountOptions['type'] = 'bind'
  let readOnly: boolean | undefined
  let required = false
  for (const field of fieldsOf(text)) {
    const at = field.indexOf('=')
    const key = (at < 0 ? field : field.slice(0, at)).toLowerCase()
    const known = KEYS.find((name) => name === key)
    if (at < 0 && !['readonly', 'ro', 'readwrite', 'rw', 'required'].includes(key)) {
      throw invalid(`invalid field '${field}' must be a key=value pair`)
    }
    if (!known) throw invalid(`unexpected key '${key}' in '${field}'${suggestion(key, KEYS)}`)
    const value = at < 0 ? 'true' : field.slice(at + 1)
    const only = (...types: readonly MountOptions['type'][]): void => {
      if (!types.includes(type)) throw invalid(`unexpected key '${key}' for mount type '${type}'`)
    }
    switch (known) {
      case 'type':
        type = oneOf(TYPES, value, 'unsupported mount type')
        break
      case 'readonly':
      case 'ro':
        readOnly = booleanOf(key, value)
        break
      case 'readwrite':
      case 'rw':
        readOnly = !booleanOf(key, value)
        break
      case 'required':
        only('secret', 'ssh')
        required = booleanOf(key, value)
        break
      case 'size':
        only('tmpfs')
        values.set(known, value)
        break
      default:
        values.set(known, value)
    }
  }
  const first = (...names: readonly (typeof KEYS)[number][]): string | undefined =>
    names.map((name) => values.get(name)).find((value) => value !== undefined)
  const sharing = values.get('sharing')
  const options = {
    type,
    from: values.get('from'),
    source: first('source', 'src'),
    target: first('target', 'dst', 'destination'),
    id: values.get('id'),
    env: values.get('env'),
    sharing:
      sharing === undefined ? undefined : oneOf(SHARING, sharing, 'unsupported sharing value'),
    readOnly: readOnly ?? (type !== 'cache' && type !== 'tmpfs'),
    required,
    size: values.has('size') ? bytesOf(values.get('size') ?? '') : undefined,
    mode: numberOf('mode', values.get('mode'), 8),
    uid: numberOf('uid', values.get('uid'), 10),
    gid: numberOf('gid', values.get('gid'), 10),
  }
  check(options)
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as unknown as MountOptions
}

function check({
  type,
  from,
  source,
  target,
  id,
  sharing,
  ...owner
}: {
  readonly type: MountOptions['type']
  readonly [name: string]: unknown
}): void {
  if (type === 'bind' || type === 'tmpfs') {
    for (const name of ['mode', 'uid', 'gid']) {
      if (owner[name] !== undefined) throw invalid(`${name} not allowed for "${type}" type mounts`)
    }
  }
  if (sharing !== undefined && type !== 'cache') {
    throw invalid(`invalid cache sharing set for ${type} mount`)
  }
  if (type !== 'secret') return
  if (from !== undefined) throw invalid('secret mount should not have a from')
  if (source === undefined && target === undefined && id === undefined) {
    throw invalid('invalid secret mount. one of source, target required')
  }
  if (source !== undefined && id !== undefined) throw invalid("both source and id can't be set")
}

function oneOf<T extends string>(known: readonly T[], value: string, problem: string): T {
  const found = known.find((name) => name === value)
  if (found !== undefined) return found
  throw invalid(`${problem} ${JSON.stringify(value)}${suggestion(value, known)}`)
}

function booleanOf(key: string, value: string): boolean {
  if (/^(1|t|true)$/i.test(value)) return true
  if (/^(0|f|false)$/i.test(value)) return false
  throw invalid(`invalid value for ${key}: ${value}`)
}

function numberOf(name: string, value: string | undefined, base: 8 | 10): number | undefined {
  if (value === undefined) return undefined
  if (!(base === 8 ? /^[0-7]{1,6}$/ : /^\d{1,9}$/).test(value)) {
    throw invalid(`invalid value ${value} for ${name}`)
  }
  return Number.parseInt(value, base)
}

/** `64m` as bytes (docker/go-units RAMInBytes). */
function bytesOf(text: string): number {
  const found = /^(\d+(?:\.\d+)?) ?([kmgt]?)i?b?$/i.exec(text)
  if (!found) throw invalid(`invalid value for size: ${text}`)
  const power = ['', 'k', 'm', 'g', 't'].indexOf((found[2] ?? '').toLowerCase())
  return Math.floor(Number(found[1]) * 1024 ** power)
}
