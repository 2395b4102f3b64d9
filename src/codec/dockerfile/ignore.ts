/** `.dockerignore`: which files of a context are left out (moby patternmatcher, ignorefile). */

interface Pattern {
  readonly expression: RegExp
  readonly negated: boolean
  /** Parts, to know whether a directory may hold exceptions. */
  readonly parts: readonly string[]
}

export class IgnorePatterns {
  readonly #patterns: readonly Pattern[]

  /** @throws Error `syntax error in pattern` for a pattern that can't be read */
  constructor(lines: readonly string[]) {
    this.#patterns = lines.map(toPattern)
  }

  /** Is this path, relative and with `/`, left out? The last pattern that matches it or a parent decides. */
  ignores(path: string): boolean {
    let ignored = false
    for (const { expression, negated } of this.#patterns) {
      if (ignored !== negated) continue
      if (withParents(path).some((candidate) => expression.test(candidate))) ignored = !negated
    }
    return ignored
  }

  /** Must an ignored directory be looked into, as an exception may name something below it? */
  mayHoldExceptions(directory: string): boolean {
    const above = directory.split('/')
    return this.#patterns.some(
      ({ negated, parts }) =>
        negated && above.every((part, at) => parts[at] === undefined || mayMatch(parts, at, part)),
    )
  }
}

function mayMatch(parts: readonly string[], at: number, name: string): boolean {
  if (parts.slice(0, at + 1).includes('**')) return true
  return new RegExp(`^${globSource(parts[at] ?? '')}$`, 'su').test(name)
}

/** The file's lines as patterns: comments and empty lines go, paths are cleaned. */
export function readIgnoreFile(text: string): string[] {
  return text
    .replace(/^\u{feff}/u, '')
    .split(/\r?\n/)
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const negated = line.startsWith('!')
      const path = cleanPath(negated ? line.slice(1).trim() : line)
      return negated ? `!${path}` : path
    })
}

/** As Go's filepath.Clean, without a leading slash. */
function cleanPath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else if (part !== '..' || !path.startsWith('/')) parts.push(part)
  }
  return parts.join('/') || '.'
}

function toPattern(line: string): Pattern {
  const negated = line.startsWith('!')
  const path = negated ? line.slice(1) : line
  if (path === '') throw new Error('illegal exclusion pattern: "!"')
  try {
    return {
      expression: new RegExp(`^${globSource(path)}$`, 'su'),
      negated,
      parts: path.split('/'),
    }
  } catch (cause) {
    throw new Error(`syntax error in pattern: ${path}`, { cause })
  }
}

/** `**` crosses directories, `*` and `?` do not; `[a-z]` and `\x` as in Go's filepath.Match. */
export function globSource(glob: string): string {
  let source = ''
  for (let at = 0; at < glob.length; at++) {
    const char = glob[at] ?? ''
    if (char === '*' && glob[at + 1] === '*') {
      at++
      // `**/` is any number of directories, none too.
      if (glob[at + 1] === '/') {
        at++
        source += '(?:.*/)?'
      } else source += '.*'
    } else if (char === '*') source += '[^/]*'
    else if (char === '?') source += '[^/]'
    else if (char === '[') {
      const end = glob.indexOf(']', at + (glob[at + 1] === '^' ? 3 : 2))
      if (end < 0) throw new Error('syntax error in pattern')
      source += glob.slice(at, end + 1)
      at = end
    } else if (char === '\\') {
      at++
      const escaped = glob[at]
      if (escaped === undefined) throw new Error('syntax error in pattern')
      source += literal(escaped)
    } else source += literal(char)
  }
  return source
}

const literal = (char: string): string => char.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')

/** The path and each directory above it. */
const withParents = (path: string): string[] => {
  const parts = path.split('/')
  return parts.map((_, at) => parts.slice(0, at + 1).join('/'))
}
