import { TRACE_ID, type BuildTrace } from '../../core/build-trace.ts'
import type { Digest } from '../../core/digest.ts'
import { shortId } from '../../core/short-id.ts'
import type { Clock } from '../../ports/clock.ts'
import { Progress } from '../images/progress.ts'
import { BuildError, type Place } from './build-error.ts'
import type { BuildMessage } from './request.ts'

/** Tells a client how a build goes: in Docker's classic words, or step by step for Drydock's own CLI. */
export interface Report {
  readonly stream: ReadableStream<BuildMessage>
  /** An instruction's turn; the classic stream counts them. */
  step(number: number, total: number, text: string): Promise<void>
  /** The image so far. */
  state(id: Digest): Promise<void>
  vertex(name: string, place?: Place): Promise<VertexReport>
  note(text: string): Promise<void>
  built(image: Digest, names: readonly string[]): Promise<void>
  fail(error: unknown, file: { readonly name: string; readonly source: string }): Promise<void>
  close(): Promise<void>
}

/** One piece of work. */
export interface VertexReport {
  running(container: string): Promise<void>
  log(stream: 'stdout' | 'stderr', text: string): Promise<void>
  status(name: string, done: boolean, current?: number, total?: number): Promise<void>
  removed(container: string): Promise<void>
  done(result: { readonly cached: boolean }): Promise<void>
  /** @param canceled it stopped because something else failed */
  failed(error: unknown, canceled: boolean): Promise<void>
}

/** Moby's classic builder (daemon/builder/dockerfile/dispatchers.go). */
export class ClassicReport implements Report {
  readonly #progress = new Progress()
  readonly #quiet: boolean

  constructor(quiet: boolean) {
    this.#quiet = quiet
  }

  get stream(): ReadableStream<BuildMessage> {
    return this.#progress.stream
  }

  async #say(text: string): Promise<void> {
    if (!this.#quiet) await this.#progress.send({ stream: text })
  }

  async step(number: number, total: number, text: string): Promise<void> {
    await this.#say(`Step ${number}/${total} : ${text}`)
    await this.#say('\n')
  }

  state(id: Digest): Promise<void> {
    return this.#say(` ---> ${shortId(id)}\n`)
  }

  note(text: string): Promise<void> {
    return this.#say(text)
  }

  vertex(): Promise<VertexReport> {
    const say = (text: string): Promise<void> => this.#say(text)
    const nothing = (): Promise<void> => Promise.resolve()
    return Promise.resolve({
      running: (container) => say(` ---> Running in ${shortId(container)}\n`),
      log: (_, text) => say(text),
      status: nothing,
      removed: (container) => say(` ---> Removed intermediate container ${shortId(container)}\n`),
      done: ({ cached }) => (cached ? say(' ---> Using cache\n') : nothing()),
      failed: nothing,
    })
  }

  async built(image: Digest, names: readonly string[]): Promise<void> {
    if (this.#quiet) {
      await this.#progress.send({ stream: `${image}\n` })
      return
    }
    await this.#progress.send({ aux: { ID: image } })
    await this.#say(`Successfully built ${shortId(image)}\n`)
    for (const name of names) await this.#say(`Successfully tagged ${name}\n`)
  }

  async fail(error: unknown): Promise<void> {
    try {
      await this.#progress.send(errorLine(error))
    } catch {
      // Nobody is left to tell.
    }
    await this.close()
  }

  close(): Promise<void> {
    return this.#progress.close()
  }
}

/** For Drydock's own CLI, which prints it as BuildKit's does. */
export class TraceReport implements Report {
  readonly #clock: Clock
  readonly #progress = new Progress()
  #vertices = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get stream(): ReadableStream<BuildMessage> {
    return this.#progress.stream
  }

  #send(aux: BuildTrace): Promise<void> {
    return this.#progress.send({ id: TRACE_ID, aux })
  }

  step(): Promise<void> {
    return Promise.resolve()
  }

  state(): Promise<void> {
    return Promise.resolve()
  }

  note(): Promise<void> {
    return Promise.resolve()
  }

  async vertex(name: string, place?: Place): Promise<VertexReport> {
    const vertex = ++this.#vertices
    const now = (): number => this.#clock.now()
    await this.#send({
      kind: 'vertex',
      vertex,
      name,
      time: now(),
      ...(place ? { lines: [place.startLine, place.endLine] } : {}),
    })
    const nothing = (): Promise<void> => Promise.resolve()
    return {
      running: nothing,
      removed: nothing,
      log: (stream, text) => this.#send({ kind: 'log', vertex, stream, text, time: now() }),
      status: (part, done, current, total) =>
        this.#send({
          kind: 'status',
          vertex,
          name: part,
          time: now(),
          done,
          ...(current === undefined ? {} : { current }),
          ...(total === undefined ? {} : { total }),
        }),
      done: ({ cached }) => this.#send({ kind: 'done', vertex, time: now(), cached }),
      failed: async (reason, canceled) => {
        await this.#send({
          kind: 'done',
          vertex,
          time: now(),
          cached: false,
          error: reason instanceof Error ? reason.message : String(reason),
          ...(canceled ? { canceled: true } : {}),
        }).catch(() => undefined)
      },
    }
  }

  built(image: Digest, names: readonly string[]): Promise<void> {
    return this.#send({ kind: 'result', image, names })
  }

  async fail(
    error: unknown,
    file: { readonly name: string; readonly source: string },
  ): Promise<void> {
    const message = error instanceof Error ? error.message : String(error)
    try {
      if (error instanceof BuildError && error.place) {
        const { startLine, endLine } = error.place
        await this.#send({
          kind: 'failure',
          message,
          lines: [startLine, endLine],
          source: file.source,
          file: file.name,
        })
      }
      await this.#progress.send(errorLine(error))
    } catch {
      // Nobody is left to tell.
    }
    await this.close()
  }

  close(): Promise<void> {
    return this.#progress.close()
  }
}

/** The last line of a build that failed (moby api, `errorDetail`). */
function errorLine(error: unknown): object {
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof BuildError ? error.exitCode : undefined
  return { errorDetail: { ...(code === undefined ? {} : { code }), message }, error: message }
}
