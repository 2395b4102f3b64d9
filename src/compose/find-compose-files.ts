import type { LoadOptions } from './project.ts'

// In order of preference (compose-go v2.9.1, cli.DefaultFileNames and DefaultOverrideFileNames).
const names = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml']
const overrides = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
]

/** Where no file was named: the one in the directory or the nearest of its parents, and its override. */
export async function findComposeFiles(
  directory: string,
  { readFile, warn }: Pick<LoadOptions, 'readFile' | 'warn'>,
): Promise<string[]> {
  const present = async (candidates: readonly string[], at: string): Promise<string[]> => {
    const paths = candidates.map((name) => `${at === '/' ? '' : at}/${name}`)
    const texts = await Promise.all(paths.map(async (path) => readFile(path)))
    return paths.filter((_, index) => texts[index] !== undefined)
  }
  for (let at = directory; ; at = at.slice(0, at.lastIndexOf('/')) || '/') {
    const found = await present(names, at)
    const [file] = found
    if (file !== undefined) {
      if (found.length > 1) {
        warn(`Found multiple config files with supported names: ${found.join(', ')}`)
        warn(`Using ${file}`)
      }
      const over = await present(overrides, at)
      if (over.length > 1) {
        warn(`Found multiple override files with supported names: ${over.join(', ')}`)
        warn(`Using ${over[0] ?? ''}`)
      }
      return [file, ...over.slice(0, 1)]
    }
    if (at === '/') return []
  }
}
