import type { CliHost } from '../ports/cli-host.ts'
import type { TextOutput } from '../kit/text-output.ts'
import type { Progress, ProgressState } from './converge/session.ts'

/** Shows what happens until it is disposed, which writes the last state. */
export interface ProgressDisplay extends Progress, AsyncDisposable {}

/** On a terminal lines that change in place, a line for each event elsewhere (pkg/progress). */
export const progressDisplay = (
  err: TextOutput,
  host: CliHost,
  options: { readonly title: string; readonly plain: boolean },
): ProgressDisplay =>
  host.tty[2] && !options.plain
    ? new TerminalProgress(err, host, options.title)
    : new PlainProgress(err)

/** Writes in order; the first failure is told at the end. */
class Writing {
  readonly #err: TextOutput
  #last: Promise<void> = Promise.resolve()

  constructor(err: TextOutput) {
    this.#err = err
  }

  write(text: string): void {
    this.#last = this.#last.then(() => this.#err.write(text))
    // Whoever waits for the end hears of it.
    this.#last.catch(() => undefined)
  }

  done(): Promise<void> {
    return this.#last
  }
}

class PlainProgress implements ProgressDisplay {
  readonly #writing: Writing

  constructor(err: TextOutput) {
    this.#writing = new Writing(err)
  }

  event(resource: string, _state: ProgressState, status: string, text = ''): void {
    this.#writing.write(` ${resource} ${text} ${status}\n`)
  }

  async aside<T>(act: () => Promise<T>): Promise<T> {
    await this.#writing.done()
    return act()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#writing.done()
  }
}

interface Line {
  state: ProgressState
  status: string
  readonly began: number
  ended: number | undefined
}

const colors: Readonly<Record<ProgressState, string>> = {
  working: '34',
  done: '32',
  warning: '33;1',
  error: '31;1',
}
const marks: Readonly<Record<ProgressState, string>> = {
  working: '',
  done: '✔',
  warning: '!',
  error: '✘',
}
const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const color = (code: string, text: string): string => `\u001B[${code}m${text}\u001B[0m`

/** Milliseconds between two pictures. */
const PERIOD = 100

class TerminalProgress implements ProgressDisplay {
  readonly #writing: Writing
  readonly #host: CliHost
  readonly #title: string
  readonly #lines = new Map<string, Line>()
  readonly #timer: ReturnType<typeof setInterval>
  #drawn = 0
  #turn = 0
  #isAside = false

  constructor(err: TextOutput, host: CliHost, title: string) {
    this.#writing = new Writing(err)
    this.#host = host
    this.#title = title
    this.#timer = setInterval(() => this.#draw(), PERIOD)
  }

  event(name: string, state: ProgressState, status: string, text = ''): void {
    const now = Date.now()
    const resource = text === '' ? name : `${name} ${text}`
    const line = this.#lines.get(resource) ?? { state, status, began: now, ended: undefined }
    line.ended = state === 'working' ? undefined : (line.ended ?? now)
    line.state = state
    line.status = status
    this.#lines.set(resource, line)
  }

  async aside<T>(act: () => Promise<T>): Promise<T> {
    this.#draw()
    this.#isAside = true
    try {
      await this.#writing.done()
      return await act()
    } finally {
      this.#isAside = false
      // What was drawn stays above.
      this.#drawn = 0
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#draw()
    await this.#writing.done()
  }

  #draw(): void {
    if (this.#lines.size === 0 || this.#isAside) return
    const { cols, rows } = this.#host.size()
    const lines = [...this.#lines]
    const done = lines.filter(([, { state }]) => state !== 'working').length
    const head = `[+] ${this.#title} ${done}/${lines.length}`
    const padding = Math.max(...lines.map(([resource]) => resource.length + 1))
    // What is above the screen can't be written over.
    const shown = rows > 2 ? lines.slice(-(rows - 2)) : lines
    const body = shown.map(([resource, line]) => this.#text(resource, line, padding, cols))
    const up = this.#drawn > 0 ? `\u001B[${this.#drawn}A` : ''
    const all = [done === lines.length ? color('34', head) : head, ...body]
    this.#writing.write(
      `\u001B[?25l${up}${all.map((text) => `\r\u001B[K${text}\n`).join('')}\u001B[?25h`,
    )
    this.#drawn = all.length
    this.#turn += 1
  }

  #text(resource: string, line: Line, padding: number, cols: number): string {
    const { state, began, ended = Date.now() } = line
    const mark = state === 'working' ? (spinner[this.#turn % spinner.length] ?? '') : marks[state]
    const timer = `${((ended - began) / 1000).toFixed(1)}s `
    const room = cols - padding - timer.length - 5
    const status = room > 0 && line.status.length > room ? line.status.slice(0, room) : line.status
    const gap = ' '.repeat(Math.max(1, cols - padding - status.length - timer.length - 4))
    return ` ${color(colors[state], mark)} ${resource.padEnd(padding)} ${color(colors[state], status)}${gap}${color('34', timer)}`
  }
}
