import type { ContainerSummary } from '../../client/types.ts'
import type { EventMessage } from '../../core/engine-api.ts'
import type { ComposeInvocation } from '../compose-command.ts'
import { PROJECT, SERVICE } from '../converge/labels.ts'
import { nameOf, observe, serviceOf } from '../converge/observed.ts'
import { start } from '../converge/start.ts'
import { stopContainers } from '../converge/stop.ts'
import { copyLog } from '../follow-logs.ts'
import { LogOutput } from '../log-output.ts'
import type { Project } from '../project.ts'
import { shownName } from './logs.ts'

export interface AttachedOptions {
  /** The first container that ends stops all. */
  readonly abortOnExit: boolean
  /** The service whose exit code becomes ours. */
  readonly exitCodeFrom: string | undefined
  /** Seconds. */
  readonly timeout: number | undefined
}

/** What a command that a signal has stopped answers. */
const INTERRUPTED = 130

/** Start a project and show its logs until all has ended. The first Ctrl-C stops it, the second kills it. */
export async function runAttached(
  invocation: ComposeInvocation,
  project: Project,
  options: AttachedOptions,
): Promise<number> {
  const { client, life, takeSignals } = invocation
  const end = new AbortController()
  const attached = new Attached(invocation, project, options, end)
  const filters = { type: ['container'], label: [`${PROJECT}=${project.name}`] }
  const watching = AbortSignal.any([life, end.signal])
  const events = await client.system.events({ filters }, watching)
  const release = takeSignals((name) => {
    if (name === 'SIGINT' || name === 'SIGTERM') attached.interrupt()
  })
  try {
    await attached.begin()
    for await (const event of events) if (await attached.take(event)) break
  } catch (error) {
    if (!end.signal.aborted) throw error
  } finally {
    end.abort()
    await attached.done().finally(release)
  }
  return attached.code
}

class Attached {
  readonly #invocation: ComposeInvocation
  readonly #project: Project
  readonly #options: AttachedOptions
  readonly #output: LogOutput
  /** Ids of what has not ended. */
  readonly #running = new Set<string>()
  readonly #work: Promise<unknown>[] = []
  #containers: readonly ContainerSummary[] = []
  #interrupts = 0
  #stopping = false
  #code: number | undefined
  #failure: Error | undefined
  /** Ends the watching. */
  readonly #end: AbortController

  constructor(
    invocation: ComposeInvocation,
    project: Project,
    options: AttachedOptions,
    end: AbortController,
  ) {
    this.#end = end
    const { out, err, color, flags } = invocation
    this.#invocation = invocation
    this.#project = project
    this.#options = options
    this.#output = new LogOutput(out, err, {
      color: color && !flags.bool('no-color'),
      prefix: !flags.bool('no-log-prefix'),
    })
  }

  async begin(): Promise<void> {
    const { client, life, withProgress } = this.#invocation
    const all = await observe(client, this.#project.name, {}, life)
    this.#containers = all.filter((container) => serviceOf(container) in this.#project.services)
    for (const container of this.#containers) {
      this.#output.register(this.#nameOf(container))
      this.#running.add(container.Id)
      if (container.State === 'running') this.#follow(container, { tail: '0' })
    }
    withProgress('Running', (session) => start(session, this.#project, { wait: false })).catch(
      (error: unknown) => {
        // Who is being stopped can't start.
        if (!this.#stopping)
          this.#failure = error instanceof Error ? error : new Error(String(error))
        this.#end.abort()
      },
    )
  }

  /** @returns whether all has ended */
  async take(event: EventMessage): Promise<boolean> {
    const container = this.#containers.find(({ Id }) => Id === event.Actor.ID)
    if (!container) return this.#running.size === 0
    if (event.Action === 'start') {
      this.#running.add(container.Id)
      // A new container's log is all its own; an older one's begins with this start.
      const since = container.State === 'created' ? {} : { since: String(event.time) }
      this.#follow(container, since)
    }
    if (event.Action === 'die') await this.#ended(container, event)
    return this.#running.size === 0
  }

  /** Ask for the end; the second time don't wait for it. */
  interrupt(): void {
    this.#interrupts += 1
    const { client, life, out } = this.#invocation
    if (this.#interrupts === 1) {
      this.#work.push(out.line('Gracefully Stopping... press Ctrl+C again to force'))
      this.#stop()
      return
    }
    const killed = [...this.#running].map((id) =>
      // It may have ended by itself.
      client.containers.kill(id, undefined, life).catch(() => undefined),
    )
    this.#work.push(...killed)
  }

  /** Resolves when what has begun is done; rejects with what kept the project from starting. */
  async done(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    await Promise.all(this.#work)
  }

  get code(): number {
    return this.#interrupts > 0 ? INTERRUPTED : (this.#code ?? 0)
  }

  async #ended(container: ContainerSummary, { Actor }: EventMessage): Promise<void> {
    const { client, err, life } = this.#invocation
    const code = Number(Actor.Attributes['exitCode'] ?? 0)
    const { State } = await client.containers.inspect(container.Id, life)
    const again = State.Restarting || State.Running
    await this.#output.status(
      this.#nameOf(container),
      `exited with code ${code}${again ? ' (restarting)' : ''}`,
    )
    if (!again) this.#running.delete(container.Id)
    const { abortOnExit, exitCodeFrom } = this.#options
    if (exitCodeFrom === undefined ? abortOnExit : Actor.Attributes[SERVICE] === exitCodeFrom)
      this.#code ??= code
    if (abortOnExit && !this.#stopping) {
      await err.line('Aborting on container exit...')
      this.#stop()
    }
  }

  #stop(): void {
    this.#stopping = true
    const { client, life, withProgress } = this.#invocation
    this.#work.push(
      withProgress('Stopping', async (session) => {
        const containers = await observe(client, this.#project.name, {}, life)
        const ours = containers.filter(({ Id }) => this.#running.has(Id))
        await stopContainers({ ...session, signal: life }, ours, {
          timeout: this.#options.timeout,
        })
      }).finally(() => this.#end.abort()),
    )
  }

  #follow(container: ContainerSummary, from: object): void {
    const { client, life } = this.#invocation
    const options = { stdout: true, stderr: true, follow: true, ...from }
    const name = this.#nameOf(container)
    this.#work.push(copyLog(client, { id: container.Id, name }, options, this.#output, life))
  }

  #nameOf(container: ContainerSummary): string {
    return shownName(this.#project.name, nameOf(container))
  }
}
