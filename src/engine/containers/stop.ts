import { EngineError } from '../../core/error.ts'
import { shortId } from '../../core/short-id.ts'
import type { ContainerSet } from './container-set.ts'
import type { Container } from './container.ts'
import { isRunning } from './record.ts'
import { parseSignal } from './signals.ts'
import { startContainer } from './start.ts'

const SIGKILL = 9
const defaultGrace = 10
/** How long a killed process may take to die. */
const killTime = 10_000

export interface StopOptions {
  readonly signal?: string
  /** Seconds before it is killed; negative: never. */
  readonly timeout?: number
}

/** @throws EngineError `not-modified` when it doesn't run */
export async function stopContainer(
  containers: ContainerSet,
  container: Container,
  options: StopOptions = {},
): Promise<void> {
  ;(await container.starting.lock())[Symbol.dispose]()
  if (!isRunning(container.state)) {
    throw new EngineError('not-modified', 'container is already stopped')
  }
  const { config } = container.record
  const signal = parseSignal(options.signal || config.StopSignal || 'SIGTERM')
  const timeout = options.timeout ?? config.StopTimeout ?? defaultGrace
  void container.update({ stoppedByUser: true })
  if (!(await cancelRestart(container))) {
    const stopped = await signalAndWait(containers, container, signal, timeout * 1000)
    if (!stopped) await killAndWait(containers, container)
  }
  container.event('stop')
}

/**
 * @param signal name or number; empty or SIGKILL waits for the death
 * @throws EngineError `conflict` when it doesn't run
 */
export async function killContainer(
  containers: ContainerSet,
  container: Container,
  signal: string,
): Promise<void> {
  ;(await container.starting.lock())[Symbol.dispose]()
  const number = signal === '' ? SIGKILL : killSignal(container, signal)
  if (!isRunning(container.state) || container.state.status === 'restarting') {
    throw new EngineError(
      'conflict',
      `cannot kill container: ${container.name}: container ${container.id} is not running`,
    )
  }
  const { StopSignal: stopSignal } = container.record.config
  // A signal that is not its way to stop may be a mere message.
  if (number === SIGKILL || !stopSignal || parseSignal(stopSignal) === number) {
    void container.update({ stoppedByUser: true })
  }
  if (number === SIGKILL) await killAndWait(containers, container)
  else await send(containers, container, number)
}

function killSignal(container: Container, text: string): number {
  try {
    return parseSignal(text)
  } catch (cause) {
    throw new EngineError(
      'invalid-parameter',
      `cannot kill container: ${container.name}: ${cause instanceof Error ? cause.message : ''}`,
      { cause },
    )
  }
}

/** Stops it when it runs, and starts it. */
export async function restartContainer(
  containers: ContainerSet,
  container: Container,
  options: StopOptions & { readonly requestId?: string } = {},
): Promise<void> {
  if (isRunning(container.state)) {
    container.keep = true
    try {
      await stopContainer(containers, container, options)
    } finally {
      container.keep = false
    }
  }
  await startContainer(containers, container, options.requestId)
  container.event('restart')
}

/** Kills it if it lives, and waits. */
export async function killAndWait(containers: ContainerSet, container: Container): Promise<void> {
  if (await cancelRestart(container)) return
  if (!isRunning(container.state)) return
  const dead = await signalAndWait(containers, container, SIGKILL, killTime)
  if (!dead) {
    throw new EngineError(
      'internal',
      `cannot kill container: ${container.name}: tried to kill container, but did not receive an exit event`,
    )
  }
}

/** A container that waits for its restart has no process. */
async function cancelRestart(container: Container): Promise<boolean> {
  if (container.state.status !== 'restarting' || container.process) return false
  container.restartWait?.abort()
  await container.setState({ status: 'exited' })
  container.exited()
  return true
}

/** @returns whether it died in time */
async function signalAndWait(
  containers: ContainerSet,
  container: Container,
  signal: number,
  milliseconds: number,
): Promise<boolean> {
  const { clock } = containers.context
  const enough = new AbortController()
  const exited = container.wait('not-running', enough.signal).then(
    () => true,
    () => false,
  )
  try {
    await send(containers, container, signal)
    if (milliseconds < 0) return await exited
    const late = clock.sleep(milliseconds, enough.signal).then(
      () => false,
      () => false,
    )
    return await Promise.race([exited, late])
  } finally {
    enough.abort()
  }
}

/** A process that is gone already is no error: its exit is on the way. */
async function send(containers: ContainerSet, container: Container, signal: number): Promise<void> {
  const { machine, log } = containers.context
  const { status } = container.state
  try {
    await machine.processes.signal({ container: container.id }, signal)
  } catch (error) {
    if (!(error instanceof EngineError) || error.code === 'unavailable') throw error
    log.add(`signal ${signal} to container ${shortId(container.id)}: ${error.message}`)
  }
  container.event('kill', { signal: String(signal) })
  if (status === 'paused') {
    // A frozen process takes no signal but SIGKILL, of which it may be dead by now.
    await machine.containers.resume(container.id).catch((error: unknown) => {
      if (!(error instanceof EngineError) || error.code === 'unavailable') throw error
    })
    if (container.state.status === 'paused') void container.setState({ status: 'running' })
  }
}
