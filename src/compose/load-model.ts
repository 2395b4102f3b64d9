import { canonical, withDefaults } from './canonical.ts'
import { checkModel } from './check-model.ts'
import { ComposeError } from './compose-error.ts'
import type { SourcePosition } from './compose-error.ts'
import { extendServices, removePath } from './extend-services.ts'
import { importIncluded } from './include.ts'
import { interpolate } from './interpolate.ts'
import { mergeFiles } from './merge.ts'
import type { ModelContext } from './model-context.ts'
import type { YamlDocument } from './read-yaml.ts'
import { joinPath, resolvePaths } from './resolve-paths.ts'
import { isTree } from './tree.ts'
import type { Tree } from './tree.ts'
import { unique } from './unique.ts'
import { validateSchema } from './validate-schema.ts'

/** The files merged into one canonical model: long forms, defaults, absolute paths. */
export async function loadModel(context: ModelContext): Promise<Tree> {
  let model: Tree = {}
  for (const file of context.files) {
    for (const document of await context.readDocuments(file)) {
      try {
        model = await addDocument(model, document, file, context)
      } catch (error) {
        if (error instanceof ComposeError) error.position ??= find(document.positions, error.path)
        throw error
      }
    }
  }
  model = withDefaults(model) as Tree
  checkModel(model)
  model = resolvePaths(model, context.directory, context.environment['HOME'])
  return resolveContents(model, context.environment)
}

/** Where a key stands, or the nearest above it that is in the file. */
function find(
  positions: ReadonlyMap<string, SourcePosition>,
  path: string | undefined,
): SourcePosition | undefined {
  for (let at = path ?? ''; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('.')))) {
    const position = positions.get(at)
    if (position) return position
  }
  return undefined
}

const interpolated = (document: YamlDocument, context: ModelContext): Tree => {
  if (!isTree(document.value)) throw new ComposeError('top-level object must be a mapping')
  return interpolate(document.value, (name) => context.environment[name], context.warn)
}

async function addDocument(
  before: Tree,
  document: YamlDocument,
  file: string,
  context: ModelContext,
): Promise<Tree> {
  let own = interpolated(document, context)
  if (own['services'] !== undefined) {
    if (!isTree(own['services'])) throw new ComposeError('services must be a mapping')
    own['services'] = await extendServices(own['services'], file, document.resets, (from) =>
      readExtended(joinPath(context.directory, from), context),
    )
  }
  const base = document.resets.reduce(removePath, before)
  own = await importIncluded(own, { ...context, included: [...context.included, file] }, loadModel)
  const merged = unique(mergeFiles(base, own)) as Tree
  validateSchema(merged, file)
  const { version, ...rest } = merged
  if (version !== undefined) {
    context.warn(
      `${file}: the attribute \`version\` is obsolete, it will be ignored, please remove it to avoid potential confusion`,
    )
  }
  return unique(canonical(rest, context.warn)) as Tree
}

/** A file that is extended: only its services count, and they are checked where they are merged. */
async function readExtended(
  path: string,
  context: ModelContext,
): Promise<{ services: unknown; path: string }> {
  let model: Tree = {}
  for (const document of await context.readDocuments(path)) {
    const own = interpolated(document, context)
    model = canonical(unique(mergeFiles(model, own)), context.warn) as Tree
  }
  const directory = path.slice(0, path.lastIndexOf('/')) || '/'
  const { services } = resolvePaths(model, directory, context.environment['HOME'])
  return { services, path }
}

/** Configs and secrets that come from a variable get its value. */
function resolveContents(model: Tree, environment: ModelContext['environment']): Tree {
  const resolved = { ...model }
  for (const kind of ['configs', 'secrets']) {
    const objects = resolved[kind]
    if (!isTree(objects)) continue
    resolved[kind] = Object.fromEntries(
      Object.entries(objects).map(([name, value]) => {
        if (!isTree(value) || typeof value['environment'] !== 'string') return [name, value]
        const content = environment[value['environment']]
        return [name, content === undefined ? value : { ...value, content }]
      }),
    )
  }
  return resolved
}
