import { ComposeError } from './compose-error.ts'
import { mergeService } from './merge.ts'
import { isTree } from './tree.ts'
import type { Path, Tree } from './tree.ts'

/** The services of another file, canonical and with its paths resolved, and what it resets. */
export interface ExtendedFile {
  readonly services: unknown
  readonly path: string
}

interface Step {
  readonly file: string
  readonly service: string
}

/**
 * Every service with what it extends below it.
 * @param read another file's services; `from` names the file as it is written
 */
export async function extendServices(
  services: Tree,
  file: string,
  resets: readonly Path[],
  read: (from: string) => Promise<ExtendedFile>,
): Promise<Tree> {
  const extended: Tree = {}
  const apply = async (
    name: string,
    among: Tree,
    steps: readonly Step[],
    cleared: readonly Path[],
  ): Promise<unknown> => {
    const service = among[name] ?? null
    if (service === null) return null
    if (!isTree(service)) throw new ComposeError(`services.${name} must be a mapping`)
    const reference = service['extends']
    if (reference === undefined) return service
    const ref = isTree(reference) ? reference['service'] : reference
    if (typeof ref !== 'string') throw new ComposeError(`extends.${name}.service is required`)
    const other = isTree(reference) ? reference['file'] : undefined
    let from = among
    let where = file
    let left = cleared
    if (typeof other === 'string') {
      const base = await read(other)
      if (!isTree(base.services)) {
        throw new ComposeError(
          `cannot extend service "${name}" in ${base.path}: no services section`,
          { path: `services.${name}.extends` },
        )
      }
      from = base.services
      where = other
      left = []
      if (!(ref in from)) {
        throw new ComposeError(
          `cannot extend service "${name}" in ${file}: service "${ref}" not found in ${other}`,
          { path: `services.${name}.extends` },
        )
      }
    } else if (!(ref in from)) {
      throw new ComposeError(
        `cannot extend service "${name}" in ${file}: service "${ref}" not found`,
        { path: `services.${name}.extends` },
      )
    }
    const base = await apply(ref, from, circleFree(steps, { file: where, service: name }), left)
    const { extends: _, ...own } = service
    if (!isTree(base)) return service
    return mergeService(
      cleared.reduce((tree, path) => without(tree, name, path), base),
      own,
    )
  }
  for (const name of Object.keys(services)) extended[name] = await apply(name, services, [], resets)
  return extended
}

/** The steps with one more, which was not there. */
function circleFree(steps: readonly Step[], next: Step): Step[] {
  const path = [...steps, next]
  if (steps.some(({ file, service }) => file === next.file && service === next.service)) {
    const [first, ...rest] = path.map(({ file, service }) => `${service} in ${file}`)
    throw new ComposeError(
      ['Circular reference:', `  ${first ?? ''}`, ...rest.map((step) => `  extends ${step}`)].join(
        '\n',
      ),
      { path: `services.${next.service}.extends` },
    )
  }
  return path
}

/** A service without what its file resets. */
function without(service: Tree, name: string, path: Path): Tree {
  const [kind, of, ...keys] = path
  return kind === 'services' && of === name && keys.length > 0 ? removePath(service, keys) : service
}

/** The tree without the entry of a path. */
export function removePath(tree: Tree, [key, ...rest]: Path): Tree {
  if (key === undefined || !(key in tree)) return tree
  const { [key]: value, ...others } = tree
  if (rest.length === 0) return others
  return isTree(value) ? { ...tree, [key]: removePath(value, rest) } : tree
}
