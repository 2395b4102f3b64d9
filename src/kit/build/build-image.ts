import { traceOf, type BuildMessage } from '../../client/build.ts'
import type { Query } from '../../client/api-client.ts'
import type { BuildTrace } from '../../core/build-trace.ts'
import { ExitError, type Invocation } from '../command.ts'
import { BuildContext, type BundleParts } from './context.ts'
import { excerpt } from './excerpt.ts'
import type { BuildInputs } from './inputs.ts'
import { PlainProgress, TerminalProgress, type BuildProgress } from './progress.ts'

export interface BuildRequest {
  readonly inputs: BuildInputs
  readonly parts: BundleParts
  /** The parameters of POST /build. */
  readonly query: (context: BuildContext) => Query
  /** Says nothing, neither by a display nor by what an engine that isn't Drydock's tells. */
  readonly quiet: boolean
  /** `--progress`: auto, plain, tty, quiet or rawjson. */
  readonly progress: string
}

export interface BuildResult {
  /** Id of the image. */
  readonly image: string
  readonly names: readonly string[]
  /** What went wrong, in BuildKit's words and with the place; undefined when all went well. */
  readonly failure: string | undefined
}

/** Vertices of the CLI's own, apart from the engine's numbers. */
const DEFINITION = -1
const IGNORE = -2
const CONTEXT = -3

/**
 * Build an image from files of the user's, and show how it goes.
 * @throws ExitError, ClientError when it could not begin
 */
export async function buildImage(
  invocation: Pick<Invocation, 'client' | 'err' | 'host' | 'out' | 'signal'>,
  request: BuildRequest,
): Promise<BuildResult> {
  const { client, host, signal } = invocation
  const build = new Build(invocation, request, await display(invocation, request))
  return build.run(async () => {
    const context = await BuildContext.open(host.files, request.inputs, request.parts)
    const question = context.question()
    const offer = question && (await client.builds.offer(question, signal))
    if (offer) context.accept(offer)
    const messages = await client.builds.build(request.query(context), context.tar(), signal)
    return { context, messages }
  })
}

async function display(
  { err, host }: Pick<Invocation, 'err' | 'host'>,
  { quiet, progress }: BuildRequest,
): Promise<BuildProgress | undefined> {
  if (quiet) return undefined
  if (!['auto', 'plain', 'tty', 'quiet', 'rawjson'].includes(progress)) {
    throw new ExitError(1, `ERROR: invalid progress value ${progress}`)
  }
  if (progress === 'quiet') return undefined
  if (progress === 'tty' || (progress === 'auto' && host.tty[2])) {
    return new TerminalProgress(err, host)
  }
  await err.write('#0 building with "default" instance using docker driver\n\n')
  return new PlainProgress(err)
}

class Build {
  readonly #out: Invocation['out']
  readonly #request: BuildRequest
  readonly #progress: BuildProgress | undefined
  #image = ''
  #names: readonly string[] = []
  #failure: Extract<BuildTrace, { kind: 'failure' }> | undefined

  constructor(
    { out }: Pick<Invocation, 'out'>,
    request: BuildRequest,
    progress: BuildProgress | undefined,
  ) {
    this.#out = out
    this.#request = request
    this.#progress = progress
  }

  async run(
    begin: () => Promise<{
      readonly context: BuildContext
      readonly messages: ReadableStream<BuildMessage>
    }>,
  ): Promise<BuildResult> {
    let failed = true
    try {
      await this.#introduce()
      const { context, messages } = await begin()
      await this.#sent(context)
      const error = await this.#read(messages)
      failed = error !== undefined
      return {
        image: this.#image,
        names: this.#names,
        failure: error === undefined ? undefined : this.#explain(error),
      }
    } finally {
      await this.#progress?.finish(failed)
    }
  }

  /** What the CLI has done by itself. */
  async #introduce(): Promise<void> {
    const { directory, dockerfile = '', dockerfileName, ignore } = this.#request.inputs
    const bytes = new TextEncoder().encode(dockerfile).length
    const patterns = ignore.reduce((sum, line) => sum + line.length + 1, 2)
    await this.#own(DEFINITION, `[internal] load build definition from ${dockerfileName}`)
    await this.#part(DEFINITION, `transferring dockerfile: ${size(bytes)}`)
    await this.#end(DEFINITION)
    await this.#own(IGNORE, '[internal] load .dockerignore')
    await this.#part(IGNORE, `transferring context: ${size(patterns)}`)
    await this.#end(IGNORE)
    if (directory !== undefined) await this.#own(CONTEXT, '[internal] load build context')
  }

  #own(vertex: number, name: string): Promise<void> {
    return this.#show({ kind: 'vertex', vertex, name, time: Date.now() })
  }

  #part(vertex: number, name: string): Promise<void> {
    return this.#show({ kind: 'status', vertex, name, time: Date.now(), done: true })
  }

  #end(vertex: number): Promise<void> {
    return this.#show({ kind: 'done', vertex, time: Date.now(), cached: false })
  }

  async #sent(context: BuildContext): Promise<void> {
    if (this.#request.inputs.directory === undefined) return
    await this.#part(CONTEXT, `transferring context: ${size(context.size)}`)
    await this.#end(CONTEXT)
  }

  async #show(trace: BuildTrace): Promise<void> {
    await this.#progress?.update(trace)
  }

  /** @returns what the engine says went wrong */
  async #read(messages: ReadableStream<BuildMessage>): Promise<string | undefined> {
    let error: string | undefined
    for await (const message of messages) {
      const trace = traceOf(message)
      if (trace) {
        if (trace.kind === 'result') {
          this.#image = trace.image
          this.#names = trace.names
        } else if (trace.kind === 'failure') this.#failure = trace
        await this.#show(trace)
        continue
      }
      const plain = message as Exclude<BuildMessage, { readonly aux: BuildTrace }>
      if ('error' in plain && plain.error !== undefined) {
        error = plain.errorDetail?.message ?? plain.error
        continue
      }
      // An engine that isn't Drydock's tells it in Docker's classic words.
      const id = (plain.aux as { readonly ID?: string } | undefined)?.ID
      if (id !== undefined) this.#image = id
      if ('stream' in plain && plain.stream !== undefined && !this.#request.quiet) {
        await this.#out.write(plain.stream)
      }
    }
    return error
  }

  #explain(message: string): string {
    const failure = this.#failure
    const { dockerfileName } = this.#request.inputs
    const place = failure
      ? excerpt(dockerfileName, failure.source, failure.lines[0], failure.lines[1])
      : ''
    return `${place}ERROR: failed to build: failed to solve: ${message}`
  }
}

/** `90B`, `1.51kB` (tonistiigi/units). */
function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(2)}${units[unit] ?? ''}`
}
