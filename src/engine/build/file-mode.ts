import { EngineError } from '../../core/error.ts'

/** What `--chmod` makes of a mode. */
export type ModeChange = (before: number, isDirectory: boolean) => number

/** What BuildKit gives to directories that it makes on the way: only a mode in digits is for them, too. */
export const octalMode = (text: string): number | undefined =>
  /^[0-7]{1,6}$/.test(text) ? Number.parseInt(text, 8) & 0o7777 : undefined

/**
 * `755`, `u+x`, `u=rwX,go=rX` (BuildKit: dockerfile2llb, parseChmod; POSIX chmod).
 * @throws EngineError `invalid-parameter`
 */
export function parseChmod(text: string): ModeChange {
  const mode = octalMode(text)
  if (mode !== undefined) return () => mode
  const clauses = text.split(',').map((clause) => {
    const found = /^([ugoa]*)([-+=])([rwxXst]*)$/.exec(clause)
    if (!found) {
      throw new EngineError(
        'invalid-parameter',
        `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`,
      )
    }
    const [, who = '', operator = '', permissions = ''] = found
    return { who: who === '' || who.includes('a') ? 'ugo' : who, operator, permissions }
  })
  return (before, isDirectory) =>
    clauses.reduce((current, { who, operator, permissions }) => {
      let mask = 0
      let bits = 0
      for (const one of who) {
        const shift = one === 'u' ? 6 : one === 'g' ? 3 : 0
        mask |= 0o7 << shift
        if (permissions.includes('r')) bits |= 4 << shift
        if (permissions.includes('w')) bits |= 2 << shift
        const searches = permissions.includes('X') && (isDirectory || (current & 0o111) !== 0)
        if (permissions.includes('x') || searches) bits |= 1 << shift
        if (permissions.includes('s') && one !== 'o') bits |= one === 'u' ? 0o4000 : 0o2000
      }
      if (permissions.includes('t')) bits |= 0o1000
      if (operator === '+') return current | bits
      if (operator === '-') return current & ~bits
      return (current & ~mask) | bits
    }, before)
}
