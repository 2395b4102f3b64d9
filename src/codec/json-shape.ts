import { EngineError } from '../core/error.ts'

/** What a JSON value must be, named as Go does. `null` is everything's absence. */
export type Shape =
  | 'string'
  | 'bool'
  | 'int'
  | 'int64'
  | 'uint64'
  | 'object'
  | { readonly list: Shape }
  | { readonly map: Shape }
  /** Named with its package: `container.HostConfig`. */
  | { readonly struct: string; readonly fields: Readonly<Record<string, Shape>> }

/**
 * Check a value as Go's decoder would; members that no shape names are let through.
 * @param field where it stands, as Go tells it: `HostConfig.HostConfig.Memory`
 * @throws EngineError `invalid-parameter`
 */
export function checkShape(value: unknown, shape: Shape, field = '.'): void {
  if (value === null || value === undefined) return
  const fail = (): never => {
    const target =
      field === '.'
        ? `value of type ${typeOf(shape)}`
        : `struct field ${field} of type ${typeOf(shape)}`
    throw new EngineError(
      'invalid-parameter',
      `invalid JSON: json: cannot unmarshal ${goType(value)} into Go ${target}`,
    )
  }
  if (typeof shape === 'string') {
    if (!isScalar(shape, value)) fail()
    return
  }
  if ('list' in shape) {
    if (!Array.isArray(value)) return fail()
    // Go makes a zero of it; nobody means that.
    if (value.includes(null)) fail()
    for (const member of value) checkShape(member, shape.list, field)
    return
  }
  if (typeof value !== 'object' || Array.isArray(value)) fail()
  const path = field.slice(field.indexOf('.') + 1)
  for (const [name, member] of Object.entries(value)) {
    if ('map' in shape) {
      if (member === null && shape.map === 'string') fail()
      checkShape(member, shape.map, field)
    } else {
      const known = Object.hasOwn(shape.fields, name) ? shape.fields[name] : undefined
      if (known)
        checkShape(member, known, `${nameOf(shape, path)}.${path === '' ? '' : `${path}.`}${name}`)
    }
  }
}

function isScalar(kind: Extract<Shape, string>, value: unknown): boolean {
  switch (kind) {
    case 'string':
      return typeof value === 'string'
    case 'bool':
      return typeof value === 'boolean'
    case 'object':
      return typeof value === 'object' && !Array.isArray(value)
    case 'uint64':
      return Number.isSafeInteger(value) && (value as number) >= 0
    case 'int':
    case 'int64':
      return Number.isSafeInteger(value)
  }
}

function typeOf(shape: Shape): string {
  if (typeof shape === 'string') return shape === 'object' ? 'map[string]struct {}' : shape
  if ('list' in shape) return `[]${typeOf(shape.list)}`
  if ('map' in shape) return `map[string]${typeOf(shape.map)}`
  return shape.struct
}

/** The outermost structs of requests have no name in Go's errors. */
const nameOf = ({ struct }: { readonly struct: string }, path: string): string =>
  path === '' ? '' : struct.slice(struct.indexOf('.') + 1)

/** As Go's decoder calls a value. */
function goType(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  // Go quotes the number where its kind is right and its value is not.
  return typeof value === 'number' && !Number.isSafeInteger(value)
    ? `number ${value}`
    : typeof value
}
