import type { BuildInstruction } from '../../codec/dockerfile/instructions.ts'
import { PREDEFINED_ARGS } from '../../codec/dockerfile/predefined-args.ts'
import { expand } from '../../codec/dockerfile/shell-words.ts'
import { nameOf, PLATFORM } from '../images/platform.ts'

type ArgInstruction = Extract<BuildInstruction, { kind: 'ARG' }>

/** ARGs of the platform: build and target are the machine. */
const PLATFORM_VALUES: Readonly<Record<string, string>> = Object.fromEntries(
  ['BUILD', 'TARGET'].flatMap((side) => [
    [`${side}PLATFORM`, nameOf(PLATFORM)],
    [`${side}OS`, PLATFORM.os],
    [`${side}ARCH`, PLATFORM.architecture],
    [`${side}VARIANT`, ''],
  ]),
)

export interface BuildVariables {
  readonly escape: '\\' | '`'
  /** Values of `--build-arg`. */
  readonly buildArgs: Readonly<Record<string, string>>
}

/** ARGs before the first FROM: for FROM itself, and for stages that declare them again. */
export class GlobalScope {
  readonly #values = new Map<string, string>()
  readonly #variables: BuildVariables
  /** `--target`'s name, for TARGETSTAGE. */
  readonly #stage: string

  constructor(args: readonly ArgInstruction[], variables: BuildVariables, target: string) {
    this.#variables = variables
    this.#stage = target || 'default'
    for (const { args: list } of args) {
      for (const { key, value } of list) {
        const given =
          variables.buildArgs[key] ?? (value === undefined ? undefined : this.expand(value))
        if (given !== undefined) this.#values.set(key, given)
      }
    }
  }

  get(name: string): string | undefined {
    if (this.#values.has(name)) return this.#values.get(name)
    if (name === 'TARGETSTAGE') return this.#stage
    const platform = PLATFORM_VALUES[name]
    return platform === undefined ? undefined : (this.#variables.buildArgs[name] ?? platform)
  }

  /** @throws Error in BuildKit's words */
  expand(word: string): string {
    return expand(word, (name) => this.get(name), { escape: this.#variables.escape }).text
  }
}

/** What a stage's words may name: its ENV, then its ARGs. */
export class StageScope {
  readonly #global: GlobalScope
  readonly #variables: BuildVariables
  readonly #args = new Map<string, string>()
  /** Names in the order of their declarations. */
  readonly #declared = new Set<string>()
  /** Those that were declared after an ENV of their name: the later one counts. */
  readonly #over = new Map<string, string>()
  readonly #environment: () => readonly string[]

  /** @param environment the stage's ENV so far, `name=value` */
  constructor(
    global: GlobalScope,
    variables: BuildVariables,
    environment: () => readonly string[],
  ) {
    this.#global = global
    this.#variables = variables
    this.#environment = environment
  }

  /** Take over what a stage has that this one is built on. */
  inherit(other: StageScope): void {
    for (const [key, value] of other.#args) this.#args.set(key, value)
    for (const key of other.#declared) this.#declared.add(key)
    for (const [key, value] of other.#over) this.#over.set(key, value)
  }

  /** @returns the declaration as history shows it */
  declare({ args }: ArgInstruction): string {
    return args
      .map(({ key, value }) => {
        const expanded = value === undefined ? undefined : this.expand(value)
        const chosen = this.#variables.buildArgs[key] ?? expanded ?? this.#global.get(key)
        this.#declared.add(key)
        if (chosen !== undefined) {
          this.#args.set(key, chosen)
          if (this.#fromEnvironment(key) !== undefined) this.#over.set(key, chosen)
        }
        return chosen === undefined ? key : `${key}=${chosen}`
      })
      .join(' ')
  }

  /** An ENV comes after the ARGs of its names. */
  overridden(names: readonly string[]): void {
    for (const name of names) this.#over.delete(name)
  }

  get(name: string): string | undefined {
    return this.#over.get(name) ?? this.#fromEnvironment(name) ?? this.#args.get(name)
  }

  #fromEnvironment(name: string): string | undefined {
    const line = this.#environment().find((candidate) => candidate.startsWith(`${name}=`))
    return line?.slice(name.length + 1)
  }

  /** @throws Error in BuildKit's words */
  expand(word: string): string {
    return this.#expand(word).text
  }

  /** A text in which quotes are characters like others. */
  expandText(text: string): string {
    return expand(text, (name) => this.get(name), {
      escape: this.#variables.escape,
      ignoreQuotes: true,
    }).text
  }

  /** One word may become several. */
  words(word: string): readonly string[] {
    return this.#expand(word).words
  }

  /** As a step is shown: what isn't set stays. */
  shown(text: string): string {
    try {
      return expand(text, (name) => this.get(name), {
        escape: this.#variables.escape,
        keepUnset: true,
        rawQuotes: true,
        rawEscapes: true,
      }).text
    } catch {
      return text
    }
  }

  #expand(word: string): ReturnType<typeof expand> {
    return expand(word, (name) => this.get(name), { escape: this.#variables.escape })
  }

  /** What RUN finds in its environment: proxies that were given, declared ARGs, and ENV; of a name, what came last. */
  forRun(): readonly (readonly [string, string])[] {
    const given = Object.entries(this.#variables.buildArgs).filter(([name]) =>
      PREDEFINED_ARGS.has(name),
    )
    const environment = this.#environment().map((line) => {
      const at = line.indexOf('=')
      return at < 0 ? ([line, ''] as const) : ([line.slice(0, at), line.slice(at + 1)] as const)
    })
    return [...new Map([...given, ...this.#args, ...environment, ...this.#over])]
  }

  /** ARGs that history shows, with the value that a RUN sees (BuildKit dockerfile2llb, runCommandString). */
  forHistory(): readonly string[] {
    return [...this.#declared].map((name) => `${name}=${this.get(name) ?? ''}`)
  }
}
