import { parseDuration } from '../codec/go-duration.ts'
import { parseBytes, parseDecimal, parseFilter, parseInteger } from './flag-values.ts'

/** What a flag takes, by the word that the help shows. */
export type FlagType =
  | 'bool'
  | 'string'
  | 'int'
  | 'uint'
  | 'uint16'
  | 'decimal'
  | 'bytes'
  | 'duration'
  | 'list'
  | 'strings'
  | 'map'
  | 'filter'
  | 'ulimit'
  | 'mount'
  | 'network'
  | 'gpu-request'

export interface Flag {
  readonly name: string
  readonly short?: string
  readonly type: FlagType
  readonly usage: string
  /** As a user would type it. */
  readonly initial?: string
  /** As the help shows it, where that differs. */
  readonly shownInitial?: string
  /** Not in the help. */
  readonly hidden?: boolean
  /** The flag that it is another name of. */
  readonly alias?: string
  /** Gives the value to keep; throws an Error whose message follows `invalid argument …:`. */
  readonly check?: (value: string) => string
}

type Extras = Partial<Pick<Flag, 'initial' | 'shownInitial' | 'hidden' | 'alias' | 'check'>>

/** @param names `-a, --all` or `--all` */
export function flag(names: string, type: FlagType, usage: string, extras: Extras = {}): Flag {
  const match = /^(?:-(.), )?--(.+)$/.exec(names)
  const [, short, name] = match ?? []
  if (name === undefined) throw new Error(`malformed flag ${names}`)
  return { name, ...(short !== undefined && { short }), type, usage, ...extras }
}

const manyTypes: ReadonlySet<FlagType> = new Set([
  'list',
  'strings',
  'map',
  'filter',
  'ulimit',
  'mount',
  'network',
  'gpu-request',
])

/** A mistake in the command line: exit code 125, with the command's usage. */
export class FlagError extends Error {
  override readonly name = 'FlagError'
}

/** Parsed flags. Asking for one that the command doesn't have is a mistake in the command. */
export class Flags {
  readonly #known: ReadonlyMap<string, Flag>
  readonly #values = new Map<string, string[]>()

  constructor(known: readonly Flag[]) {
    this.#known = new Map(known.map((flag) => [flag.name, flag]))
  }

  set(flag: Flag, value: string): void {
    const name = flag.alias ?? flag.name
    let kept: string
    try {
      kept = checked(flag, value)
    } catch (error) {
      if (!(error instanceof Error)) throw error
      const shown = flag.short === undefined ? `--${flag.name}` : `-${flag.short}, --${flag.name}`
      throw new FlagError(
        `invalid argument ${JSON.stringify(value)} for "${shown}" flag: ${error.message}`,
        { cause: error },
      )
    }
    const before = manyTypes.has(flag.type) ? (this.#values.get(name) ?? []) : []
    // pflag's stringSlice takes several, divided by commas.
    this.#values.set(name, [...before, ...(flag.type === 'strings' ? kept.split(',') : [kept])])
  }

  /** Whether it was given. */
  has(name: string): boolean {
    this.#flag(name)
    return this.#values.has(name)
  }

  bool(name: string): boolean {
    return this.text(name) === 'true'
  }

  text(name: string): string {
    return this.#values.get(name)?.at(-1) ?? this.#flag(name).initial ?? ''
  }

  /** Of a given flag; undefined otherwise. */
  given(name: string): string | undefined {
    this.#flag(name)
    return this.#values.get(name)?.at(-1)
  }

  list(name: string): readonly string[] {
    this.#flag(name)
    return this.#values.get(name) ?? []
  }

  /** Of `bytes` in bytes, of `duration` in nanoseconds, of `decimal` in billionths; 0 when it wasn't given. */
  number(name: string): number {
    const flag = this.#flag(name)
    const text = this.text(name)
    if (text === '') return 0
    return (numbers[flag.type] ?? Number)(text)
  }

  #flag(name: string): Flag {
    const flag = this.#known.get(name)
    if (flag === undefined) throw new Error(`this command has no flag --${name}`)
    return flag
  }
}

/** Types that are numbers, as they are written. */
const numbers: Partial<Record<FlagType, (text: string) => number>> = {
  bytes: parseBytes,
  duration: parseDuration,
  decimal: parseDecimal,
}

/** What is kept of a value. */
const texts: Partial<Record<FlagType, (text: string) => string>> = {
  bool: (value) => {
    if (/^(1|t|T|TRUE|true|True)$/.test(value)) return 'true'
    if (/^(0|f|F|FALSE|false|False)$/.test(value)) return 'false'
    throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`)
  },
  int: (value) => String(parseInteger(value, 'ParseInt')),
  uint: (value) => String(parseInteger(value, 'ParseUint')),
  uint16: (value) => String(parseInteger(value, 'ParseUint', 65_535)),
  filter: parseFilter,
}

function checked(flag: Flag, value: string): string {
  numbers[flag.type]?.(value)
  const kept = (texts[flag.type] ?? ((text: string) => text))(value)
  return flag.check ? flag.check(kept) : kept
}

export interface Parsed {
  readonly flags: Flags
  readonly args: readonly string[]
  readonly help: boolean
  /** `-h` where it is no flag of the command's own. */
  readonly shortHelp: boolean
}

/**
 * Read a command line as Go's pflag does.
 * @param interspersed whether flags may follow the first argument
 * @throws FlagError
 */
export function parseFlags(
  known: readonly Flag[],
  argv: readonly string[],
  interspersed: boolean,
): Parsed {
  const flags = new Flags(known)
  const args: string[] = []
  const rest = [...argv]
  let help = false
  let shortHelp = false
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      args.push(...rest)
      break
    }
    if (!word.startsWith('-') || word === '-') {
      args.push(word)
      if (interspersed) continue
      args.push(...rest)
      break
    }
    if (word.startsWith('--')) help = long(known, flags, word, rest) || help
    else shortHelp = short(known, flags, word, rest) || shortHelp
  }
  return { flags, args, help, shortHelp }
}

function long(known: readonly Flag[], flags: Flags, word: string, rest: string[]): boolean {
  const equals = word.indexOf('=')
  const name = word.slice(2, equals < 0 ? undefined : equals)
  if (name === '' || name.startsWith('-')) throw new FlagError(`bad flag syntax: ${word}`)
  if (name === 'help') return true
  const flag = known.find((candidate) => candidate.name === name)
  if (flag === undefined) throw new FlagError(`unknown flag: --${name}`)
  if (equals >= 0) flags.set(flag, word.slice(equals + 1))
  else if (flag.type === 'bool') flags.set(flag, 'true')
  else {
    const value = rest.shift()
    if (value === undefined) throw new FlagError(`flag needs an argument: --${name}`)
    flags.set(flag, value)
  }
  return false
}

/** `-it`, `-eNAME`, `-e=NAME`, `-e NAME` */
function short(known: readonly Flag[], flags: Flags, word: string, rest: string[]): boolean {
  let letters = word.slice(1)
  while (letters !== '') {
    const letter = letters[0] ?? ''
    const flag = known.find((candidate) => candidate.short === letter)
    if (flag === undefined) {
      if (letter === 'h') return true
      throw new FlagError(`unknown shorthand flag: '${letter}' in -${letters}`)
    }
    const after = letters.slice(1)
    if (after.startsWith('=') && after.length > 1) {
      flags.set(flag, after.slice(1))
      return false
    }
    if (flag.type === 'bool') {
      flags.set(flag, 'true')
      letters = after
      continue
    }
    const value = after === '' ? rest.shift() : after
    if (value === undefined)
      throw new FlagError(`flag needs an argument: '${letter}' in -${letters}`)
    flags.set(flag, value)
    return false
  }
  return false
}
