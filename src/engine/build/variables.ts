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
  /** Declared without a value. */
  readonly #unset = new Set<string>()
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
    for (const key of other.#unset) this.#unset.add(key)
  }

  /** @returns the declaration as history shows it */
  declare({ args }: ArgInstruction): string {
    return args
      .map(({ key, value }) => {
        const expanded = value === undefined ? undefined : this.expand(value)
        const chosen = this.#variables.buildArgs[key] ?? expanded ?? this.#global.get(key)
        if (chosen === undefined) this.#unset.add(key)
        else this.#args.set(key, chosen)
        return chosen === undefined ? key : `${key}=${chosen}`
      })
      .join(' ')
  }

  get(name: string): string | undefined {
    for (const line of this.#environment()) {
      if (line.startsWith(`${name}=`)) return line.slice(name.length + 1)
    }
    return this.#args.get(name)
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

  /** ARGs that RUN finds in its environment: declared ones, and proxies that were given. */
  forRun(): readonly string[] {
    const given = Object.entries(this.#variables.buildArgs).filter(([name]) =>
      PREDEFINED_ARGS.has(name),
    )
    return [...new Map([...given, ...this.#args]).entries()].map(
      ([name, value]) => `${name}=${value}`,
    )
  }

  /** Of them, those that history shows and that the cache looks at. */
  forHistory(): readonly string[] {
    const unset = [...this.#unset].filter((name) => !this.#args.has(name))
    return [...this.#args, ...unset.map((name) => [name, ''] as const)]
      .filter(([name]) => !PREDEFINED_ARGS.has(name))
      .map(([name, value]) => `${name}=${value}`)
  }
}
