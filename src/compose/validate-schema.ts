import type { ErrorObject } from 'ajv'
import { ComposeError } from './compose-error.ts'
import validate from './compose-spec.json?validator'
import type { Tree } from './tree.ts'

/** Where the error is deepest, it says the most; an unknown key counts one deeper (compose-go, schema.specificity). */
const depth = (error: ErrorObject): number =>
  error.instancePath.split('/').length + (error.keyword === 'additionalProperties' ? 1 : 0)

/** @throws ComposeError in Compose's words, for the most specific of what is wrong */
export function validateSchema(tree: Tree, file: string): void {
  if (validate(tree)) return
  const errors = (validate.errors ?? []).filter(
    ({ keyword }) => !['oneOf', 'anyOf', 'allOf', 'if'].includes(keyword),
  )
  const worst = errors.reduce((first, next) => (depth(next) > depth(first) ? next : first))
  const path = worst.instancePath
    .slice(1)
    .replaceAll('/', '.')
    .replaceAll('~1', '/')
    .replaceAll('~0', '~')
  const unknown = errors
    .filter(
      ({ keyword, instancePath }) =>
        keyword === 'additionalProperties' && instancePath === worst.instancePath,
    )
    .map(({ params }) => String(params['additionalProperty']))
  const key = worst.keyword === 'additionalProperties' ? `${path}.${unknown[0] ?? ''}` : path
  throw new ComposeError(`validating ${file}: ${path} ${sentence(worst, unknown)}`, {
    path: key.replace(/^\./, ''),
  })
}

function sentence({ keyword, params, data, schema }: ErrorObject, unknown: string[]): string {
  switch (keyword) {
    case 'type':
      return `must be a ${types(schema)}`
    case 'minimum':
      return `must be greater than or equal to ${String(params['limit'])}`
    case 'maximum':
      return `must be less than or equal to ${String(params['limit'])}`
    case 'additionalProperties':
      return `additional properties ${[...new Set(unknown)].map((name) => `'${name}'`).join(', ')} not allowed`
    case 'required':
      return `missing property '${String(params['missingProperty'])}'`
    case 'pattern':
      return `'${String(data)}' does not match pattern '${String(params['pattern'])}'`
    case 'enum':
      return `value must be one of ${(params['allowedValues'] as unknown[]).map((value) => `'${String(value)}'`).join(', ')}`
    case 'uniqueItems':
      return `items at ${String(params['j'])} and ${String(params['i'])} are equal`
    case 'format':
      return `'${String(data)}' is not valid ${String(params['format'])}: time: invalid duration "${String(data)}"`
    case 'minItems':
      return `minItems: got ${(data as unknown[]).length}, want ${String(params['limit'])}`
    default:
      return keyword
  }
}

const names: Readonly<Record<string, string>> = { object: 'mapping' }
function types(schema: unknown): string {
  const wanted = (Array.isArray(schema) ? schema : [schema])
    .map((name) => names[String(name)] ?? String(name))
    .sort()
  const last = wanted.pop() ?? ''
  return wanted.length === 0 ? last : `${wanted.join(', ')} or ${last}`
}
