import type { CliHost } from '../ports/cli-host.ts'
import { textOf } from '../client/api-client.ts'
import { pathFrom } from './paths.ts'

/** `a=b` each → a map; no value is an empty one. */
export const mapOf = (pairs: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=')
      return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)]
    }),
  )

/** Lines of files, then what was given itself; a name without a value takes it from the environment, if it is there. */
export async function environment(
  host: CliHost,
  files: readonly string[],
  given: readonly string[],
): Promise<string[]> {
  const fromFiles = await readLines(host, files, 'variable')
  return [...fromFiles, ...given].map((pair) => {
    if (pair.includes('=')) return pair
    const value = host.env[pair]
    return value === undefined ? pair : `${pair}=${value}`
  })
}

/** As `environment` reads them, but without the environment. */
export async function readLines(
  host: CliHost,
  files: readonly string[],
  what: string,
): Promise<string[]> {
  const pairs: string[] = []
  for (const file of files) {
    const text = await textOf(host.files.read(pathFrom(host, file)))
    for (const line of text.replace(/^\uFEFF/, '').split('\n')) {
      const trimmed = line.trimStart().replace(/\r$/, '')
      if (trimmed === '' || trimmed.startsWith('#')) continue
      const equals = trimmed.indexOf('=')
      const name = equals < 0 ? trimmed.trim() : trimmed.slice(0, equals)
      if (/\s/.test(name)) {
        throw new Error(`invalid env file (${file}): ${what} '${name}' contains whitespaces`)
      }
      if (name === '')
        throw new Error(`invalid env file (${file}): no ${what} name on line '${line}'`)
      // A variable that has no value and isn't set is left out.
      if (equals < 0 && what === 'variable' && host.env[name] === undefined) continue
      pairs.push(equals < 0 ? name : trimmed)
    }
  }
  return pairs
}
