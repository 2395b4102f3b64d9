import { EngineError } from '../../core/error.ts'
import type { ContainerStart } from '../../core/guest-protocol.ts'
import { shortId } from '../../core/short-id.ts'
import type { ContainerSet } from './container-set.ts'
import type { Container } from './container.ts'
import { discardContainer } from './discard.ts'
import { supervise } from './exit.ts'
import { LogFollowers } from './log-followers.ts'
import { logSink } from './log-sink.ts'
import { linkEnvironment, linkLines } from './links.ts'
import type { MountPoint } from '../volumes/mount-point.ts'
import { prepareContainer } from './prepare.ts'
import { ProcessIo } from './process-io.ts'
import { isRunning } from './record.ts'
import type { SharedNamespaces } from './spec.ts'
import { startFailure } from './start-error.ts'
import { formatTime } from './time.ts'
import { resolveUser } from './user.ts'
import { splitMode } from './validate-host.ts'

/**
 * Starts a container that does not run.
 * @param requestId for the log, down to guestd
 * @throws EngineError `not-modified` when it runs already
 */
export async function startContainer(
  containers: ContainerSet,
  container: Container,
  requestId?: string,
  signal?: AbortSignal,
): Promise<void> {
  using _ = await container.starting.lock(signal)
  const { status } = container.state
  if (status === 'paused') {
    throw new EngineError('conflict', 'cannot start a paused container, try unpause instead')
  }
  if (status === 'running') throw new EngineError('not-modified', 'container is running')
  if (status === 'removing' || status === 'dead') {
    throw new EngineError('conflict', 'container is marked for removal and cannot be started')
  }
  container.restartWait?.abort()
  void container.update({ stoppedByUser: false, restartCount: 0 })
  await launch(containers, container, requestId, signal)
}

/** The start itself; `starting` is held. */
async function launch(
  containers: ContainerSet,
  container: Container,
  requestId?: string,
  signal?: AbortSignal,
): Promise<void> {
  const { context } = containers
  const { clock, machine } = context
  const began = clock.monotonic()
  const { config, hostConfig } = container.record
  const io = container.io
  let asked = false
  try {
    const start = await prepare(containers, container, requestId)
    const prepared = clock.monotonic()
    asked = true
    const process = await machine.processes.run(start, signal)
    context.log.add(`container ${shortId(container.id)} started, pid ${process.pid}`, {
      ...(requestId === undefined ? {} : { request: requestId }),
      stages: { prepare: prepared - began, run: clock.monotonic() - prepared },
    })
    container.process = process
    container.followers = new LogFollowers()
    if (hostConfig.LogConfig.Type !== 'none') io.add(logSink(context, container), 'first')
    const pumped = io.pump(process.output)
    if (config.OpenStdin) io.feed(process.stdin)
    else if (!config.Tty) process.stdin.close().catch(() => undefined)
    const stored = container.setState({
      status: 'running',
      pid: process.pid,
      exitCode: 0,
      oomKilled: false,
      error: '',
      startedAt: formatTime(clock.now()),
    })
    containers.tellNetworks(container, 'connect')
    containers.volumes.mounted(container.id, container.record.mounts ?? [])
    container.event('start')
    void supervise(containers, container, {
      process,
      io,
      pumped,
      began: clock.monotonic(),
      again: () => launch(containers, container),
    })
    // After a power cut, who was told of the start finds that it ran.
    if (!hostConfig.AutoRemove) await stored
  } catch (cause) {
    // Before the machine was asked, errors are our own and say everything.
    const failure =
      !asked && cause instanceof EngineError
        ? { error: cause, exitCode: 128 }
        : (portFailure(containers, container, cause) ??
          subpathFailure(container.record.mounts ?? [], cause) ??
          startFailure('start', cause))
    void container.setState({
      status: container.state.status === 'created' ? 'created' : 'exited',
      pid: 0,
      exitCode: failure.exitCode,
      error: failure.error.message,
    })
    await containers.networks.leave(container.id)
    io.end()
    container.io = new ProcessIo()
    if (hostConfig.AutoRemove) await discardContainer(containers, container)
    throw failure.error
  }
}

/** A port that is taken in the guest, by what else runs there. */
function portFailure(
  { networks }: ContainerSet,
  { id, name }: Container,
  cause: unknown,
): { readonly error: EngineError; readonly exitCode: number } | undefined {
  if (!(cause instanceof EngineError) || !cause.message.startsWith('failed to bind host port')) {
    return undefined
  }
  const endpoint = networks.sandbox(id)?.endpoints[0]?.id ?? ''
  const message = `failed to set up container networking: driver failed programming external connectivity on endpoint ${name} (${endpoint}): ${cause.message}`
  return { error: new EngineError('internal', message, { cause }), exitCode: 128 }
}

/** guestd found no such thing in a volume, or only outside of it; in Docker's words (moby internal/safepath). */
function subpathFailure(
  mounts: readonly MountPoint[],
  cause: unknown,
): { readonly error: EngineError; readonly exitCode: number } | undefined {
  const message = cause instanceof EngineError ? cause.message : ''
  const [, destination, reason] = /to rootfs at "(.*)": (.*)$/.exec(message) ?? []
  const mount = mounts.find((one) => one.destination === destination)
  if (mount?.subpath === undefined) return undefined
  const path = `${mount.source}/${mount.subpath}`
  const sentence = /^invalid cross-device link$/i.test(reason ?? '')
    ? `path concatenation escapes the base directory, base: ${mount.source}, subpath: ${mount.subpath}`
    : `cannot access path ${path}: lstat ${path}: ${reason?.toLowerCase()}`
  return { error: new EngineError('internal', sentence, { cause }), exitCode: 128 }
}

async function prepare(
  containers: ContainerSet,
  container: Container,
  requestId: string | undefined,
): Promise<ContainerStart> {
  const { record } = container
  const { config, hostConfig } = record
  const { tree, root } = await containers.images.tree(record.image)
  const user = await resolveUser(root, config.User, hostConfig.GroupAdd ?? [])
  const mounts = await containers.volumes.place(record.mounts ?? [])
  const shared = sharedNamespaces(containers, container)
  const [mode, target] = splitMode(hostConfig.NetworkMode)
  return prepareContainer(
    containers,
    { ...record, mounts },
    {
      requestId,
      user,
      tree,
      root,
      volatile: hostConfig.AutoRemove,
      shared,
      neighbour: mode === 'container' ? containers.get(target).id : undefined,
      links: {
        lines: linkLines(containers, record),
        environment: linkEnvironment(containers, record),
      },
    },
  )
}

function joined(containers: ContainerSet, target: string, network: boolean): Container {
  try {
    return containers.get(target)
  } catch (cause) {
    if (!network || !(cause instanceof EngineError)) throw cause
    throw new EngineError(cause.code, `joining network namespace of container: ${cause.message}`, {
      cause,
    })
  }
}

/** Where `container:<name>` leads: that container must run. */
function sharedNamespaces(containers: ContainerSet, container: Container): SharedNamespaces {
  const { NetworkMode: network, PidMode: pid, IpcMode: ipc } = container.record.hostConfig
  const pidOf = (mode: string): number | undefined => {
    const [kind, target] = splitMode(mode)
    if (kind !== 'container') return undefined
    const other = joined(containers, target, mode === network)
    if (!isRunning(other.state) || other.state.pid === 0) {
      throw new EngineError(
        'conflict',
        `cannot join network namespace of a non running container: ${other.id}`,
      )
    }
    return other.state.pid
  }
  const shared = { network: pidOf(network), pid: pidOf(pid), ipc: pidOf(ipc) }
  return Object.fromEntries(
    Object.entries(shared).filter(([, value]) => value !== undefined),
  ) as SharedNamespaces
}
