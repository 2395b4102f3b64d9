import type { DockerClient } from '../../client/client.ts'
import { PROJECT } from './labels.ts'

/** Tells when something happened to a project's containers, so that a condition is looked at then and not by the clock. */
export class ContainerWatch implements AsyncDisposable {
  readonly #end = new AbortController()
  #changed: PromiseWithResolvers = withResolvers()

  /** Resolves when the engine watches. */
  static async open(
    client: DockerClient,
    project: string,
    signal: AbortSignal,
  ): Promise<ContainerWatch> {
    const watch = new ContainerWatch()
    const events = await client.system.events(
      { filters: { type: ['container'], label: [`${PROJECT}=${project}`] } },
      AbortSignal.any([signal, watch.#end.signal]),
    )
    watch.#read(events).catch((error: unknown) => watch.#changed.reject(error))
    return watch
  }

  /** Look until there is an answer, again after every event. */
  async until<T>(look: () => Promise<T | undefined>, signal: AbortSignal): Promise<T> {
    for (;;) {
      const { promise } = this.#changed
      const answer = await look()
      if (answer !== undefined) return answer
      signal.throwIfAborted()
      await promise
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort()
  }

  async #read(events: ReadableStream<unknown>): Promise<void> {
    for await (const _ of events) {
      this.#changed.resolve()
      this.#changed = withResolvers()
    }
    throw new Error('the engine has closed its stream of events')
  }
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

function withResolvers(): PromiseWithResolvers {
  let resolve: () => void = () => undefined
  let reject: (reason: unknown) => void = () => undefined
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  // Nobody may be waiting when it ends.
  promise.catch(() => undefined)
  return { promise, resolve, reject }
}
