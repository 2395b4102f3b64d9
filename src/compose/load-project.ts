import { checkProject } from './check-project.ts'
import { ComposeError } from './compose-error.ts'
import { decode } from './decode.ts'
import { findComposeFiles } from './find-compose-files.ts'
import { loadModel } from './load-model.ts'
import { documentReader, readEnvFiles } from './model-context.ts'
import type { ModelContext } from './model-context.ts'
import { normalize } from './normalize.ts'
import { normalizeProjectName, projectNameFault } from './project-name.ts'
import type { LoadOptions, Project } from './project.ts'
import { resolveEnvironment, resolveLabels } from './resolve-environment.ts'
import { joinPath } from './resolve-paths.ts'
import { selectServices, withProfiles } from './select-services.ts'
import { shapes } from './shape.ts'
import { substitute } from './substitute.ts'
import { isTree } from './tree.ts'
import type { Tree } from './tree.ts'

type Variables = Readonly<Record<string, string>>

/**
 * Reads a project as Compose does: finds its files and variables, merges, checks and completes them.
 * @throws ComposeError in Compose's words, with the place where there is one
 */
export async function loadProject(options: LoadOptions): Promise<Project> {
  const { files, directory, environment: variables } = await findProject(options)
  const [first] = files
  if (first === undefined) throw new ComposeError('no configuration file provided: not found')
  const readDocuments = documentReader(options.readFile)
  const name = await projectName(options, files, directory, variables, readDocuments)
  const environment: Variables = { ...variables, COMPOSE_PROJECT_NAME: name }
  const { readFile, warn } = options
  const model = await loadModel({
    files,
    directory,
    environment,
    readFile,
    readDocuments,
    warn,
    included: [],
  })
  if (Object.keys(model).length === 0) throw new ComposeError('empty compose file')
  if (name === '') throw new ComposeError('project name must not be empty')
  const profiles =
    options.profiles.length > 0
      ? options.profiles
      : (environment['COMPOSE_PROFILES'] ?? '').split(',').map((profile) => profile.trim())
  const whole = decodeProject(
    options.normalize === false ? model : normalize(model, name, (key) => environment[key]),
    { name, workingDirectory: directory, composeFiles: files, environment },
  )
  let project = withProfiles(whole, profiles)
  if (options.checkConsistency !== false) checkProject(project)
  if (options.resolveEnvironment !== false) {
    project = await resolveEnvironment(project, { readFile, warn })
  }
  project = await resolveLabels(project, { readFile, warn })
  return selectServices(project, options.services ?? [])
}

/** The files, the directory and the variables, each of which may name the others. */
async function findProject(
  options: LoadOptions,
): Promise<{ files: string[]; directory: string; environment: Variables }> {
  const { workingDirectory, readFile, warn } = options
  const absolute = (path: string): string => joinPath(workingDirectory, path)
  let environment: Variables = { PWD: workingDirectory, ...options.environment }
  let files = options.files.map(absolute)
  const directory = (): string => {
    const [file] = files
    if (options.projectDirectory !== undefined) return absolute(options.projectDirectory)
    return file === undefined ? workingDirectory : file.slice(0, file.lastIndexOf('/')) || '/'
  }
  const readVariables = async (): Promise<void> => {
    let paths = options.envFiles.map(absolute)
    if (paths.length === 0) {
      if (/^(?:1|t|true)$/i.test(options.environment['COMPOSE_DISABLE_ENV_FILE'] ?? '')) return
      const beside = joinPath(directory(), '.env')
      if ((await readFile(beside)) === undefined) return
      paths = [beside]
    }
    environment = {
      ...(await readEnvFiles(paths, environment, { readFile, warn })),
      ...environment,
    }
  }
  await readVariables()
  const named = environment['COMPOSE_FILE']
  if (files.length === 0 && named !== undefined) {
    files = named.split(environment['COMPOSE_PATH_SEPARATOR'] || ':').map(absolute)
    for (const file of files) {
      if ((await readFile(file)) === undefined) {
        throw new ComposeError(`stat ${file}: no such file or directory`)
      }
    }
  }
  if (files.length === 0) files = await findComposeFiles(directory(), { readFile, warn })
  await readVariables()
  return { files, directory: directory(), environment }
}

/** `-p`, COMPOSE_PROJECT_NAME, the files' `name`, or the directory's. */
async function projectName(
  { projectName: given, warn }: LoadOptions,
  files: readonly string[],
  directory: string,
  environment: Variables,
  readDocuments: ModelContext['readDocuments'],
): Promise<string> {
  const set = given || environment['COMPOSE_PROJECT_NAME'] || undefined
  if (set !== undefined) {
    const fault = projectNameFault(set)
    if (fault !== undefined) throw new ComposeError(fault)
    return set
  }
  let name = ''
  for (const file of files) {
    for (const { value } of await readDocuments(file)) {
      if (isTree(value) && typeof value['name'] === 'string') name = value['name']
    }
  }
  const own = normalizeProjectName(substitute(name, (key) => environment[key], warn))
  return own === '' && name === ''
    ? normalizeProjectName(directory.slice(directory.lastIndexOf('/') + 1))
    : own
}

function decodeProject(
  model: Tree,
  origin: Pick<Project, 'name' | 'workingDirectory' | 'composeFiles' | 'environment'>,
): Project {
  const of = (kind: keyof typeof shapes): Tree => {
    const resources = model[kind]
    try {
      return decode({ kind: 'map', of: shapes[kind] }, withoutNulls(resources)) as Tree
    } catch (error) {
      if (!(error instanceof ComposeError)) throw error
      const path = `${kind}${error.path ?? ''}`
      throw new ComposeError(
        `decoding failed due to the following error(s):\n\n'${path}' ${error.message}`,
        { cause: error, path: path.replaceAll(/\[([^\]]+)\]/g, '.$1') },
      )
    }
  }
  const extensions = Object.entries(model).filter(([key]) => key.startsWith('x-'))
  return {
    ...origin,
    services: of('services') as Project['services'],
    networks: of('networks') as Project['networks'],
    volumes: of('volumes') as Project['volumes'],
    secrets: of('secrets') as Project['secrets'],
    configs: of('configs') as Project['configs'],
    models: of('models') as Project['models'],
    extensions: Object.fromEntries(extensions),
    profiles: [],
    disabledServices: {},
  }
}

/** A resource without settings of its own is one with none. */
const withoutNulls = (resources: unknown): Tree =>
  Object.fromEntries(
    Object.entries(isTree(resources) ? resources : {}).map(([name, value]) => [name, value ?? {}]),
  )
