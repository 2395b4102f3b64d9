import type { TextOutput } from '../kit/text-output.ts'

/** Colours of docker compose, in its order (cmd/formatter/colors.go). */
const rainbow = ['36', '33', '32', '35', '34', '36;1', '33;1', '32;1', '35;1', '34;1']

export interface LogOptions {
  readonly color: boolean
  readonly prefix: boolean
}

/** Lines of several containers, each behind its container's name. */
export class LogOutput {
  readonly #out: TextOutput
  readonly #err: TextOutput
  readonly #options: LogOptions
  readonly #colors = new Map<string, string>()
  #width = 0

  constructor(out: TextOutput, err: TextOutput, options: LogOptions) {
    this.#out = out
    this.#err = err
    this.#options = options
  }

  /** Names that are known beforehand make columns straight from the first line. */
  register(name: string): void {
    if (this.#colors.has(name)) return
    this.#colors.set(name, rainbow[this.#colors.size % rainbow.length] ?? '')
    this.#width = Math.max(this.#width, name.length + 1)
  }

  async line(name: string, text: string, stream: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
    this.register(name)
    const prefix = this.#options.prefix ? this.#colored(name, `${name.padEnd(this.#width)} | `) : ''
    await (stream === 'stderr' ? this.#err : this.#out).line(prefix + text)
  }

  /** What happened to a container: `web-1 exited with code 0`. */
  async status(name: string, text: string): Promise<void> {
    this.register(name)
    await this.#out.write(this.#colored(name, `${name} ${text}\n`))
  }

  #colored(name: string, text: string): string {
    if (!this.#options.color) return text
    return `\u001B[${this.#colors.get(name) ?? ''}m${text}\u001B[0m`
  }
}

/** Longest line that is kept until its end comes; what is longer is broken. */
const LINE_MAX = 65_536

/** Bytes to lines, without their ends. */
export class LineSplitter {
  readonly #decoder = new TextDecoder()
  #rest = ''

  push(bytes: Uint8Array): readonly string[] {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n')
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > LINE_MAX) {
      lines.push(this.#rest)
      this.#rest = ''
    }
    return lines.map((line) => line.replace(/\r$/, ''))
  }

  end(): readonly string[] {
    const rest = this.#rest + this.#decoder.decode()
    this.#rest = ''
    return rest === '' ? [] : [rest]
  }
}
