import type { MachineProcess } from '../../ports/machine/processes.ts'
import type { ExitStatus } from '../../core/guest-protocol.ts'
import { shortId } from '../../core/short-id.ts'
import type { ContainerSet } from './container-set.ts'
import type { Container } from './container.ts'
import { discardContainer } from './discard.ts'
import { lostExitCode } from './record.ts'
import { ProcessIo } from './process-io.ts'
import { formatTime } from './time.ts'

/** Output may come this long after a process has died before it counts as stopped (moby daemon/monitor.go). */
const drainTime = 2000

interface Run {
  readonly process: MachineProcess
  readonly io: ProcessIo
  /** Settles at the end of the output. */
  readonly pumped: Promise<void>
  /** Monotonic milliseconds. */
  readonly began: number
  /** Starts the container once more; its `starting` is held. */
  readonly again: () => Promise<void>
}

/** Waits for the end of a run, and does what follows from it: never rejects. */
export async function supervise(
  containers: ContainerSet,
  container: Container,
  run: Run,
): Promise<void> {
  const { clock, log } = containers.context
  const status = await run.process.exited
  const drained = new AbortController()
  await Promise.race([run.pumped, clock.sleep(drainTime, drained.signal).catch(() => undefined)])
  drained.abort()
  container.process = undefined
  container.io = new ProcessIo()
  void endOutput(containers, container, run)
  const ran = clock.monotonic() - run.began
  const exitCode = status.kind === 'exited' ? status.code : lostExitCode
  const delay = restartDelay(container, exitCode, ran)
  const stored = container.setState({
    status: delay === undefined ? 'exited' : 'restarting',
    pid: 0,
    exitCode,
    oomKilled: status.kind === 'exited' && status.oomKilled,
    error: status.kind === 'lost' ? status.reason : '',
    finishedAt: formatTime(clock.now()),
  })
  tell(containers, container, status, exitCode, ran)
  await containers.networks.leave(container.id)
  // Who waits is told what a power cut does not take back. What goes with its process is gone then, anyhow.
  if (!container.record.hostConfig.AutoRemove) await stored
  container.exited()
  try {
    if (delay !== undefined) await restartLater(containers, container, delay, run.again)
    else if (container.record.hostConfig.AutoRemove && !container.keep) {
      await discardContainer(containers, container)
    }
  } catch (error) {
    log.add(`container ${shortId(container.id)}: ${String(error)}`)
  }
}

/** After the last byte: clients and followers of the log have all. */
async function endOutput(containers: ContainerSet, container: Container, run: Run): Promise<void> {
  await run.pumped
  run.io.end()
  if (!container.record.hostConfig.AutoRemove) containers.flushLogs()
}

function tell(
  containers: ContainerSet,
  container: Container,
  status: ExitStatus,
  exitCode: number,
  ran: number,
): void {
  if (status.kind === 'exited' && status.oomKilled) container.event('oom')
  containers.volumes.released(container.id, container.record.mounts ?? [])
  containers.tellNetworks(container, 'disconnect')
  container.event('die', {
    exitCode: String(exitCode),
    execDuration: String(Math.floor(ran / 1000)),
  })
}

function restartDelay(container: Container, code: number, ran: number): number | undefined {
  const { hostConfig, stoppedByUser, restartCount } = container.record
  if (stoppedByUser || container.state.status === 'removing') return undefined
  return container.backoff.next(hostConfig.RestartPolicy, { code, ran, restarts: restartCount })
}

/** Starts it again after the delay, again and again when that fails, until it runs or is stopped. */
async function restartLater(
  containers: ContainerSet,
  container: Container,
  delay: number,
  again: Run['again'],
): Promise<void> {
  const { clock } = containers.context
  let wait: number | undefined = delay
  while (wait !== undefined) {
    const waiting = new AbortController()
    container.restartWait = waiting
    const elapsed = await clock
      .sleep(wait, AbortSignal.any([waiting.signal, containers.closing]))
      .then(
        () => true,
        () => false,
      )
    if (container.restartWait === waiting) container.restartWait = undefined
    if (!elapsed) return
    using _ = await container.starting.lock()
    if (container.state.status !== 'restarting') return
    void container.update({ restartCount: container.record.restartCount + 1 })
    try {
      await again()
      return
    } catch {
      wait = restartDelay(container, container.state.exitCode, 0)
      if (wait !== undefined) void container.setState({ status: 'restarting' })
    }
  }
}
