import type { ExecStart } from '../../core/guest-protocol.ts'
import type { MachineProcess } from '../../ports/machine/processes.ts'
import { EngineError } from '../../core/error.ts'
import { ClientStream } from '../containers/client-stream.ts'
import type { Container } from '../containers/container.ts'
import type { ContainerSet } from '../containers/container-set.ts'
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../../codec/detach-keys.ts'
import { ProcessIo, type OutputSink } from '../containers/process-io.ts'
import { linkEnvironment } from '../containers/links.ts'
import { execProcess, seccompOf } from '../containers/spec.ts'
import { startFailure } from '../containers/start-error.ts'
import type { ResolvedUser } from '../containers/user.ts'

/** What a client asked for; all of ExecConfig (Engine API, ContainerExec). */
export interface ExecConfig {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
  readonly detachKeys: string
  readonly env: readonly string[]
  readonly command: readonly string[]
  readonly privileged: boolean
  readonly user: string
  readonly workingDir: string
  /** Rows and columns; zeros when unknown. */
  readonly size: readonly [number, number]
}

/** Another process of a container. It stays known for a while after its end, for those who ask for its exit code. */
export class Exec {
  readonly id: string
  readonly container: Container
  readonly config: ExecConfig
  readonly #containers: ContainerSet
  readonly #user: ResolvedUser
  readonly #io: ProcessIo = new ProcessIo()
  #state: 'created' | 'starting' | 'running' | 'exited' = 'created'
  #exitCode: number | null = null
  #pid = 0
  /** Monotonic milliseconds of the end. */
  ended: number | undefined

  constructor(
    containers: ContainerSet,
    container: Container,
    id: string,
    config: ExecConfig,
    user: ResolvedUser,
  ) {
    this.#user = user
    this.#containers = containers
    this.container = container
    this.id = id
    this.config = config
  }

  get running(): boolean {
    return this.#state === 'running' || this.#state === 'starting'
  }

  /** null before the end. */
  get exitCode(): number | null {
    return this.#exitCode
  }

  get pid(): number {
    return this.#pid
  }

  /** A client of its streams; made before `start`. */
  attach(signal: AbortSignal): ClientStream {
    const { stdin, stdout, stderr, tty, detachKeys } = this.config
    return new ClientStream(
      this.#io,
      {
        tty,
        stdout,
        stderr,
        stdin,
        closesInput: !tty,
        ...(tty ? { detachKeys: parseDetachKeys(detachKeys || DEFAULT_DETACH_KEYS) } : {}),
      },
      signal,
    )
  }

  /** Takes its output; given before `start`. Its end comes after the exit code. */
  watch(sink: OutputSink): void {
    this.#io.add(sink)
  }

  /** @throws EngineError `conflict` when it can't be started (again) */
  checkStartable(): void {
    if (this.#state === 'exited') {
      throw new EngineError('conflict', `exec command ${this.id} has already run`)
    }
    if (this.#state !== 'created') {
      throw new EngineError('conflict', `exec command ${this.id} is already running`)
    }
    requireLiving(this.container)
  }

  /** @throws EngineError with Docker's sentence; the exit code tells then, too */
  async start(size: readonly [number, number], requestId?: string): Promise<void> {
    this.checkStartable()
    this.#state = 'starting'
    this.container.runningExecs.add(this.id)
    const { command, stdin, tty } = this.config
    const { machine } = this.#containers.context
    this.#event(`exec_start: ${describe(command)}`)
    let process: MachineProcess
    try {
      process = await machine.processes.exec(this.#request(size, requestId))
    } catch (cause) {
      const { error, exitCode } = startFailure('exec', cause)
      this.#finish(exitCode)
      throw error
    }
    this.#pid = process.pid
    this.#state = 'running'
    const pumped = this.#io.pump(process.output)
    if (stdin) this.#io.feed(process.stdin)
    else if (!tty) process.stdin.close().catch(() => undefined)
    void this.#supervise(process, pumped)
  }

  async #supervise(process: MachineProcess, pumped: Promise<void>): Promise<void> {
    const { clock } = this.#containers.context
    const status = await process.exited
    const drained = new AbortController()
    await Promise.race([pumped, clock.sleep(2000, drained.signal).catch(() => undefined)])
    drained.abort()
    // Clients ask for the exit code as soon as the stream ends.
    this.#finish(status.kind === 'exited' ? status.code : 137)
    await pumped
    this.#io.end()
  }

  #request(size: readonly [number, number], requestId: string | undefined): ExecStart {
    const { config, container } = this
    const { record } = container
    const seccomp = config.privileged ? undefined : seccompOf(record.hostConfig)
    return {
      container: container.id,
      exec: this.id,
      ...(requestId === undefined ? {} : { requestId }),
      process: execProcess(record.config, record.hostConfig, this.#user, {
        args: config.command,
        env: config.env,
        linked: linkEnvironment(this.#containers, record),
        tty: config.tty,
        privileged: config.privileged,
        cwd: config.workingDir,
        size: size[0] > 0 ? size : config.size,
      }),
      ...(seccomp === undefined ? {} : { seccomp }),
    }
  }

  /** For a start that failed after the client had its answer: the error is its output. */
  abandon(): void {
    this.#io.end()
  }

  async resize(size: { readonly cols: number; readonly rows: number }): Promise<void> {
    if (this.#state !== 'running') {
      throw new EngineError('conflict', `exec ${this.id} is not running`)
    }
    await this.#containers.context.machine.processes.resize(
      { container: this.container.id, exec: this.id },
      size,
    )
  }

  #finish(exitCode: number): void {
    this.#exitCode = exitCode
    this.#state = 'exited'
    this.container.runningExecs.delete(this.id)
    this.ended = this.#containers.context.clock.monotonic()
    this.#event('exec_die', { exitCode: String(exitCode) })
  }

  #event(action: string, attributes: Readonly<Record<string, string>> = {}): void {
    this.container.event(action, { ...attributes, execID: this.id })
  }
}

/** As Docker prints it in events: program, a space, arguments. */
export const describe = ([program = '', ...args]: readonly string[]): string =>
  `${program} ${args.join(' ')}`

/** @throws EngineError `conflict` */
export function requireLiving(container: Container): void {
  const { status } = container.state
  if (status === 'paused') {
    throw new EngineError(
      'conflict',
      `Container ${container.name} is paused, unpause the container before exec`,
    )
  }
  if (status === 'restarting') {
    throw new EngineError(
      'conflict',
      `container ${container.id} is restarting, wait until the container is running`,
    )
  }
  container.requireRunning()
}
