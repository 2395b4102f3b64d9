import { shortId } from '../../core/short-id.ts'
import type { ContainerSet } from './container-set.ts'
import type { Container } from './container.ts'
import { discardContainer } from './discard.ts'
import { isRunning, lostExitCode, type ContainerRecord } from './record.ts'
import { startContainer } from './start.ts'
import { formatTime, zeroTime } from './time.ts'
import { splitMode } from './validate-host.ts'

/**
 * What becomes of the containers after the engine's end, however it came (moby daemon/daemon.go restore): those that ran are
 * exited, policies bring theirs back, removals that were begun are completed, and what goes with its process has gone.
 */
export function recoverContainers(containers: ContainerSet): void {
  const { clock, log } = containers.context
  const later = (container: Container, work: Promise<void>): Promise<void> =>
    work.catch((error: unknown) => {
      log.add(`container ${shortId(container.id)}: ${String(error)}`)
    })
  const returning: Container[] = []
  for (const container of containers.all()) {
    if (isRunning(container.state)) {
      void container.setState({
        status: 'exited',
        pid: 0,
        exitCode: lostExitCode,
        finishedAt: formatTime(clock.now()),
      })
    }
    const { status } = container.state
    if (status === 'removing') {
      const volumes = container.record.removeVolumes ?? container.record.hostConfig.AutoRemove
      void later(container, discardContainer(containers, container, { volumes }))
    } else if (returns(container.record)) returning.push(container)
    else if (container.record.hostConfig.AutoRemove)
      void later(container, discardContainer(containers, container))
  }
  startAgain(containers, returning, later)
}

/**
 * As a real dockerd does when it was killed with its containers: `always` also what the user had stopped, `on-failure` by the
 * exit code, which is that of a loss for those that ran (moby restartmanager, ShouldRestart).
 */
function returns({ state, hostConfig, stoppedByUser, restartCount }: ContainerRecord): boolean {
  const wasStarted = state.startedAt !== zeroTime
  if (state.status !== 'exited' || !wasStarted) return false
  const { Name: policy, MaximumRetryCount: most } = hostConfig.RestartPolicy
  switch (policy) {
    case 'always':
      return true
    case 'unless-stopped':
      return !stoppedByUser
    case 'on-failure':
      return state.exitCode !== 0 && (most === 0 || restartCount < most)
    default:
      return false
  }
}

/** Who joins another's namespaces comes after that one. */
function startAgain(
  containers: ContainerSet,
  returning: readonly Container[],
  later: (container: Container, work: Promise<void>) => Promise<void>,
): void {
  const starts = new Map<string, Promise<void>>()
  /** A ring of them ends where it began: each says then why it can't start. */
  const looking = new Set<Container>()
  const start = (container: Container): Promise<void> => {
    const known = starts.get(container.id)
    if (known) return known
    looking.add(container)
    const before = joinedBy(containers, container.record)
      .filter((other) => returning.includes(other) && !looking.has(other))
      .map(start)
    looking.delete(container)
    const started = later(
      container,
      Promise.all(before).then(() => startContainer(containers, container)),
    )
    starts.set(container.id, started)
    return started
  }
  for (const container of returning) void start(container)
}

/** Containers whose namespaces it shares. */
const joinedBy = (containers: ContainerSet, { hostConfig }: ContainerRecord): Container[] =>
  [hostConfig.NetworkMode, hostConfig.PidMode, hostConfig.IpcMode].flatMap((mode) => {
    const [kind, target] = splitMode(mode)
    const found = kind === 'container' ? containers.find(target) : undefined
    return found ? [found] : []
  })
