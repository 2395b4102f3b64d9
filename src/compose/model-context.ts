import { ComposeError } from './compose-error.ts'
import { parseEnv } from './parse-env.ts'
import { readYaml } from './read-yaml.ts'
import type { YamlDocument } from './read-yaml.ts'

/** What the files of one model share. */
export interface ModelContext {
  readonly files: readonly string[]
  /** Absolute; the model's relative paths are below it. */
  readonly directory: string
  readonly environment: Readonly<Record<string, string>>
  readonly readFile: (path: string) => Promise<string | undefined>
  /** The documents of a file that has to be there. */
  readonly readDocuments: (path: string) => Promise<readonly YamlDocument[]>
  readonly warn: (message: string) => void
  /** Files whose `include` led here. */
  readonly included: readonly string[]
}

/** Reads the documents of files, each file once. */
export function documentReader(readFile: ModelContext['readFile']): ModelContext['readDocuments'] {
  const read = async (path: string): Promise<readonly YamlDocument[]> => {
    const text = await readFile(path)
    if (text === undefined) throw new ComposeError(`open ${path}: no such file or directory`)
    return readYaml(text, path)
  }
  const known = new Map<string, Promise<readonly YamlDocument[]>>()
  return async (path) => {
    const documents = known.get(path) ?? read(path)
    known.set(path, documents)
    return documents
  }
}

/** Variables of env files, the later over the earlier. */
export async function readEnvFiles(
  paths: readonly string[],
  environment: Readonly<Record<string, string>>,
  { readFile, warn }: Pick<ModelContext, 'readFile' | 'warn'>,
): Promise<Record<string, string>> {
  const variables = new Map<string, string>()
  for (const path of paths) {
    const text = await readFile(path)
    if (text === undefined) throw new ComposeError(`couldn't find env file: ${path}`)
    try {
      parseEnv(text, variables, (name) => environment[name], warn)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new ComposeError(`failed to read ${path}: ${reason}`, { cause: error })
    }
  }
  return Object.fromEntries(variables)
}
