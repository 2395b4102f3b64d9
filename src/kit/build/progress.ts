import type { BuildTrace } from '../../core/build-trace.ts'
import type { CliHost } from '../../ports/cli-host.ts'
import type { TextOutput } from '../text-output.ts'

/** A piece of work, as it is shown. */
interface Vertex {
  readonly name: string
  readonly number: number
  /** Milliseconds since 1970. */
  readonly started: number
  ended?: number
  cached: boolean
  error?: string
  canceled: boolean
  /** Whole lines with the seconds at which they came. */
  readonly log: { readonly seconds: number; readonly text: string }[]
  readonly open: { stdout: string; stderr: string }
  readonly statuses: Map<string, { text: string; started: number; ended?: number }>
}

/** Shows a build as BuildKit does (util/progress/progressui). */
export interface BuildProgress {
  update(trace: BuildTrace): Promise<void>
  /** The last state, and what failed steps said. */
  finish(failed: boolean): Promise<void>
}

/** Lines of output that a failure shows. */
const FAILURE_LINES = 100

abstract class Vertices {
  protected readonly vertices: Map<number, Vertex> = new Map()

  protected take(trace: BuildTrace): Vertex | undefined {
    if (trace.kind === 'vertex') {
      const vertex: Vertex = {
        name: trace.name,
        number: this.vertices.size + 1,
        started: trace.time,
        cached: false,
        canceled: false,
        log: [],
        open: { stdout: '', stderr: '' },
        statuses: new Map(),
      }
      this.vertices.set(trace.vertex, vertex)
      return vertex
    }
    if (trace.kind === 'failure' || trace.kind === 'result') return undefined
    const vertex = this.vertices.get(trace.vertex)
    if (!vertex) return undefined
    const seconds = (trace.time - vertex.started) / 1000
    switch (trace.kind) {
      case 'log': {
        const lines = (vertex.open[trace.stream] + trace.text).split('\n')
        vertex.open[trace.stream] = lines.pop() ?? ''
        for (const text of lines) vertex.log.push({ seconds, text: text.replace(/\r$/, '') })
        break
      }
      case 'status': {
        const before = vertex.statuses.get(trace.name)
        vertex.statuses.set(trace.name, {
          text: trace.name,
          started: before?.started ?? trace.time,
          ...(trace.done ? { ended: trace.time } : {}),
        })
        break
      }
      case 'done': {
        vertex.ended = trace.time
        vertex.cached = trace.cached
        vertex.canceled = trace.canceled === true
        if (trace.error !== undefined) vertex.error = trace.error
        for (const stream of ['stdout', 'stderr'] as const) {
          if (vertex.open[stream] !== '') vertex.log.push({ seconds, text: vertex.open[stream] })
          vertex.open[stream] = ''
        }
        break
      }
    }
    return vertex
  }

  protected failures(): string {
    return [...this.vertices.values()]
      .filter(({ error, canceled }) => error !== undefined && !canceled)
      .filter(({ log }) => log.length > 0)
      .map(({ name, log }) => {
        const lines = log
          .slice(-FAILURE_LINES)
          .map((line) => `${line.seconds.toFixed(3)} ${line.text}\n`)
        return `------\n > ${name}:\n${lines.join('')}------\n`
      })
      .join('')
  }
}

/** Line by line, for logs and pipes. */
export class PlainProgress extends Vertices implements BuildProgress {
  readonly #output: TextOutput
  #current: Vertex | undefined
  readonly #printed = new Map<Vertex, number>()
  readonly #statuses = new Map<Vertex, Set<string>>()

  constructor(output: TextOutput) {
    super()
    this.#output = output
  }

  async update(trace: BuildTrace): Promise<void> {
    const vertex = this.take(trace)
    if (vertex) await this.#output.write(this.#show(vertex))
  }

  #show(vertex: Vertex): string {
    const { number } = vertex
    let text = ''
    if (this.#current !== vertex) {
      if (this.#current)
        text += this.#current.ended === undefined ? `#${this.#current.number} ...\n\n` : '\n'
      text += `#${number} ${vertex.name}\n`
      this.#current = vertex
    }
    const before = this.#printed.get(vertex) ?? 0
    for (const line of vertex.log.slice(before)) {
      text += `#${number} ${line.seconds.toFixed(3)} ${line.text}\n`
    }
    this.#printed.set(vertex, vertex.log.length)
    const told = this.#statuses.get(vertex) ?? new Set()
    this.#statuses.set(vertex, told)
    for (const status of vertex.statuses.values()) {
      if (status.ended === undefined || told.has(status.text)) continue
      told.add(status.text)
      const seconds = (status.ended - status.started) / 1000
      text += `#${number} ${status.text}${seconds >= 0.05 ? ` ${seconds.toFixed(1)}s` : ''} done\n`
    }
    if (vertex.ended !== undefined) {
      if (vertex.canceled) text += `#${number} CANCELED\n`
      else if (vertex.error !== undefined) text += `#${number} ERROR: ${vertex.error}\n`
      else if (vertex.cached) text += `#${number} CACHED\n`
      else text += `#${number} DONE ${((vertex.ended - vertex.started) / 1000).toFixed(1)}s\n`
    }
    return text
  }

  async finish(): Promise<void> {
    const failures = this.failures()
    if (failures !== '') await this.#output.write(failures)
  }
}

/** Milliseconds between two pictures. */
const FRAME = 150
/** Lines of a running step's output. */
const LOG_LINES = 6

const BLUE = '\u001B[34m'
const RED = '\u001B[31m'
const PLAIN = '\u001B[0m'

/** A picture that is drawn over and over, for terminals. */
export class TerminalProgress extends Vertices implements BuildProgress {
  readonly #output: TextOutput
  readonly #host: CliHost
  readonly #color: boolean
  readonly #began = Date.now()
  #lines = 0
  #drawn = 0
  #timer: ReturnType<typeof setInterval> | undefined
  #drawing: Promise<void> = Promise.resolve()

  constructor(output: TextOutput, host: CliHost) {
    super()
    this.#output = output
    this.#host = host
    this.#color = host.env['NO_COLOR'] === undefined
    this.#timer = setInterval(() => {
      this.#draw(false).catch(() => undefined)
    }, FRAME)
  }

  async update(trace: BuildTrace): Promise<void> {
    this.take(trace)
    if (Date.now() - this.#drawn >= FRAME) await this.#draw(false)
  }

  async finish(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    await this.#draw(true)
    const failures = this.failures()
    if (failures !== '') await this.#output.write(failures)
  }

  #draw(isLast: boolean): Promise<void> {
    this.#drawn = Date.now()
    const next = this.#drawing.then(() => this.#output.write(this.#picture(isLast)))
    this.#drawing = next.catch(() => undefined)
    return next
  }

  #picture(isLast: boolean): string {
    const { cols, rows } = this.#host.size()
    const width = Math.max(cols, 40) - 1
    const all = [...this.vertices.values()]
    const done = all.filter(({ ended }) => ended !== undefined).length
    const seconds = ((Date.now() - this.#began) / 1000).toFixed(1)
    const head = `[+] Building ${seconds}s (${done}/${all.length})${isLast ? ' FINISHED' : ''}`
    const lines = [pad(head, 'docker:default', width)]
    for (const vertex of all) lines.push(...this.#vertexLines(vertex, width))
    // The newest stay in sight; the last picture is whole.
    const shown =
      isLast || lines.length < rows ? lines : [lines[0] ?? '', ...lines.slice(-(rows - 2))]
    const up = this.#lines > 0 ? `\u001B[${this.#lines}A` : ''
    const blank = Math.max(0, this.#lines - shown.length)
    this.#lines = isLast ? 0 : shown.length
    const clear = '\u001B[K\n'.repeat(blank) + (blank > 0 ? `\u001B[${blank}A` : '')
    return `\u001B[?25l${up}\r${shown.map((line) => `${line}\u001B[K\n`).join('')}${clear}\u001B[?25h`
  }

  #vertexLines(vertex: Vertex, width: number): string[] {
    const { name, started, ended, error, canceled, cached, log } = vertex
    const time = `${(((ended ?? Date.now()) - started) / 1000).toFixed(1)}s`
    const word = canceled ? 'CANCELED ' : error !== undefined ? 'ERROR ' : cached ? 'CACHED ' : ''
    const line = pad(` => ${word}${name}`, time, width)
    const color = error !== undefined && !canceled ? RED : ended === undefined ? '' : BLUE
    const lines = [this.#color && color !== '' ? `${color}${line}${PLAIN}` : line]
    for (const status of vertex.statuses.values()) {
      const spent = `${(((status.ended ?? Date.now()) - status.started) / 1000).toFixed(1)}s`
      const text = pad(` => => ${status.text}`, spent, width)
      lines.push(this.#color && status.ended !== undefined ? `${BLUE}${text}${PLAIN}` : text)
    }
    if (ended === undefined) {
      for (const { text } of log.slice(-LOG_LINES))
        lines.push(cut(` => => # ${clean(text)}`, width))
    }
    return lines
  }
}

/** A program's own movements would spoil the picture. */
const clean = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- control sequences are what is looked for
  text.replaceAll(/\u001B\[[0-9;?]*[A-Za-z]|[\u0000-\u001F\u007F]/g, '')

const cut = (text: string, width: number): string => Array.from(text).slice(0, width).join('')

function pad(left: string, right: string, width: number): string {
  const room = width - right.length - 1
  const text = Array.from(left.replaceAll('\n', ' '))
  return `${text.slice(0, room).join('').padEnd(room)} ${right}`
}
