import { cycleOf, type Problem } from '../../codec/dockerfile/problem.ts'
import { SyntaxError } from '../../codec/dockerfile/syntax-error.ts'
import type { BuildTrace } from '../../core/build-trace.ts'
import { traceOf, type BuildMessage } from '../../client/build.ts'
import { exactly, ExitError, type Command, type Invocation } from '../../kit/command.ts'
import { pathFrom } from '../../kit/paths.ts'
import { check, findingsOf, summaryOf, violation } from './build-check.ts'
import { BuildContext } from '../../kit/build/context.ts'
import { findInputs, type BuildInputs } from '../../kit/build/inputs.ts'
import { excerpt } from './build-excerpt.ts'
import { buildFlags } from './build-flags.ts'
import { parseOutputs, writeOutputs, type BuildOutput } from './build-output.ts'
import { PlainProgress, TerminalProgress, type BuildProgress } from '../../kit/build/progress.ts'
import { buildQuery, contextsOf, environmentPairs, secretsOf } from './build-query.ts'

export const build: Command = {
  usage: '[OPTIONS] PATH | URL | -',
  summary: 'Build an image from a Dockerfile',
  description: 'Start a build',
  args: exactly(1),
  flags: buildFlags,
  async run(invocation) {
    const { flags, args, host } = invocation
    const inputs = await findInputs(host, args[0] ?? '', flags.given('file'))
    const buildArgs = buildArgsOf(invocation)
    if (flags.bool('check') || flags.text('call') === 'check') {
      return check(invocation, inputs, buildArgs)
    }
    refuse(invocation)
    const outputs = parseOutputs(invocation, flags.list('output'))
    checkSyntax(inputs)
    return new Build(invocation, inputs, buildArgs, outputs).run()
  },
}

/** Flags that need what Drydock doesn't have. */
function refuse({ flags }: Invocation): void {
  if (flags.bool('push')) throw new ExitError(1, 'ERROR: Drydock can not push what it builds yet')
  if (flags.list('ssh').length > 0)
    throw new ExitError(1, 'ERROR: Drydock has no SSH agent for --ssh')
  const { allow } = { allow: flags.list('allow') }
  if (allow.length > 0) throw new ExitError(1, `ERROR: Drydock can not allow ${allow.join(', ')}`)
  const call = flags.text('call')
  if (!['build', ''].includes(call)) throw new ExitError(1, `ERROR: unknown --call ${call}`)
  if (flags.list('cache-to').length > 0) {
    throw new ExitError(1, 'ERROR: Drydock can not export its build cache')
  }
}

function buildArgsOf(invocation: Invocation): Record<string, string> {
  const given = environmentPairs(invocation, 'build-arg')
  const epoch = invocation.host.env['SOURCE_DATE_EPOCH']
  return epoch === undefined ? given : { SOURCE_DATE_EPOCH: epoch, ...given }
}

/** What can't be understood is told before anything is sent. */
function checkSyntax({ dockerfile, dockerfileName: name }: BuildInputs): void {
  if (dockerfile === undefined) return
  const fail = (problem: Problem): ExitError => {
    const place = excerpt(name, dockerfile, problem.startLine, problem.endLine, problem.marked)
    const message = `${place}ERROR: failed to build: failed to solve: ${problem.message}`
    return new ExitError(1, message, { cause: problem })
  }
  try {
    const problem = cycleOf(dockerfile)
    if (problem) throw fail(problem)
  } catch (error) {
    throw error instanceof SyntaxError ? fail(error) : error
  }
}

/** Vertices of the CLI's own, apart from the engine's numbers. */
const DEFINITION = -1
const IGNORE = -2
const CONTEXT = -3

class Build {
  readonly #invocation: Invocation
  readonly #inputs: BuildInputs
  readonly #buildArgs: Readonly<Record<string, string>>
  readonly #outputs: readonly BuildOutput[]
  readonly #quiet: boolean
  #progress: BuildProgress | undefined
  #image = ''
  #names: readonly string[] = []
  #failure: Extract<BuildTrace, { kind: 'failure' }> | undefined

  constructor(
    invocation: Invocation,
    inputs: BuildInputs,
    buildArgs: Readonly<Record<string, string>>,
    outputs: readonly BuildOutput[],
  ) {
    this.#invocation = invocation
    this.#inputs = inputs
    this.#buildArgs = buildArgs
    this.#outputs = outputs
    this.#quiet = invocation.flags.bool('quiet')
  }

  async run(): Promise<number> {
    const { flags, client, host, out, err, signal } = this.#invocation
    const findings = findingsOf(this.#inputs, this.#buildArgs)
    const violated = violation(this.#inputs.dockerfile ?? '', findings)
    if (violated !== '') {
      if (!this.#quiet) await err.write(summaryOf(findings))
      throw new ExitError(1, `ERROR: failed to build: failed to solve: ${violated}`)
    }
    const parts = {
      contexts: contextsOf(this.#invocation).local,
      secrets: await secretsOf(this.#invocation),
    }
    this.#progress = this.#quiet ? undefined : await this.#display()
    let error: string | undefined
    try {
      await this.#introduce()
      const context = await BuildContext.open(host.files, this.#inputs, parts)
      const question = context.question()
      const offer = question && (await client.builds.offer(question, signal))
      if (offer) context.accept(offer)
      const messages = await client.builds.build(
        buildQuery(this.#invocation, context, this.#buildArgs),
        context.tar(),
        signal,
      )
      await this.#sent(context)
      error = await this.#read(messages)
    } catch (cause) {
      await this.#progress?.finish(true)
      this.#progress = undefined
      throw cause
    }
    await this.#progress?.finish(error !== undefined)
    if (!this.#quiet) await err.write(summaryOf(findings))
    if (error !== undefined) throw new ExitError(1, this.#explain(error))
    if (this.#quiet) await out.line(this.#image)
    await this.#writeFile(flags.given('iidfile'), this.#image)
    await this.#writeMetadata()
    await writeOutputs(this.#invocation, this.#outputs, this.#image, this.#names)
    return 0
  }

  async #display(): Promise<BuildProgress | undefined> {
    const { flags, host, err } = this.#invocation
    const wanted = flags.given('progress') ?? host.env['BUILDKIT_PROGRESS'] ?? 'auto'
    if (!['auto', 'plain', 'tty', 'quiet', 'rawjson'].includes(wanted)) {
      throw new ExitError(1, `ERROR: invalid progress value ${wanted}`)
    }
    if (wanted === 'quiet') return undefined
    if (wanted === 'tty' || (wanted === 'auto' && host.tty[2])) {
      return new TerminalProgress(err, host)
    }
    await err.write('#0 building with "default" instance using docker driver\n\n')
    return new PlainProgress(err)
  }

  /** What the CLI has done by itself. */
  async #introduce(): Promise<void> {
    const { dockerfile = '', dockerfileName, ignore } = this.#inputs
    const bytes = new TextEncoder().encode(dockerfile).length
    const patterns = ignore.reduce((sum, line) => sum + line.length + 1, 2)
    await this.#own(DEFINITION, `[internal] load build definition from ${dockerfileName}`)
    await this.#part(DEFINITION, `transferring dockerfile: ${size(bytes)}`)
    await this.#end(DEFINITION)
    await this.#own(IGNORE, '[internal] load .dockerignore')
    await this.#part(IGNORE, `transferring context: ${size(patterns)}`)
    await this.#end(IGNORE)
    if (this.#inputs.directory !== undefined) {
      await this.#own(CONTEXT, '[internal] load build context')
    }
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
    if (this.#inputs.directory === undefined) return
    await this.#part(CONTEXT, `transferring context: ${size(context.size)}`)
    await this.#end(CONTEXT)
  }

  async #show(trace: BuildTrace): Promise<void> {
    await this.#progress?.update(trace)
  }

  /** @returns what the engine says went wrong */
  async #read(messages: ReadableStream<BuildMessage>): Promise<string | undefined> {
    const { out } = this.#invocation
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
      if ('stream' in plain && plain.stream !== undefined && !this.#quiet) {
        await out.write(plain.stream)
      }
    }
    return error
  }

  #explain(message: string): string {
    const failure = this.#failure
    const place = failure
      ? excerpt(this.#inputs.dockerfileName, failure.source, failure.lines[0], failure.lines[1])
      : ''
    return `${place}ERROR: failed to build: failed to solve: ${message}`
  }

  async #writeMetadata(): Promise<void> {
    const path = this.#invocation.flags.given('metadata-file')
    const metadata = {
      'buildx.build.ref': `default/default/${crypto.randomUUID().replaceAll('-', '').slice(0, 25)}`,
      'containerimage.config.digest': this.#image,
      'containerimage.digest': this.#image,
      ...(this.#names.length > 0 ? { 'image.name': this.#names.map(inFull).join() } : {}),
    }
    await this.#writeFile(path, JSON.stringify(metadata, null, 2))
  }

  async #writeFile(path: string | undefined, text: string): Promise<void> {
    if (path === undefined || path === '') return
    const { host } = this.#invocation
    await host.files.write(pathFrom(host, path), new Blob([text]).stream(), {
      mode: 0o644,
      exclusive: false,
    })
  }
}

/** `t:1` → `docker.io/library/t:1` */
const inFull = (name: string): string => {
  const [first = ''] = name.split('/')
  if (!name.includes('/')) return `docker.io/library/${name}`
  return /[.:]/.test(first) || first === 'localhost' ? name : `docker.io/${name}`
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
