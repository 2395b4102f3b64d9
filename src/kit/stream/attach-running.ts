import { DEFAULT_DETACH_KEYS } from '../../codec/detach-keys.ts'
import type { ContainerInspect } from '../../client/types.ts'
import { ExitError, type Invocation } from '../command.ts'
import { exitCode } from '../exit-code.ts'
import { streamHijacked } from './attach-streams.ts'
import { followTerminal } from './follow-terminal.ts'
import { proxySignals } from './proxy-signals.ts'
import { requireTerminal } from './require-terminal.ts'

export interface AttachRunningOptions {
  readonly stdin: boolean
  /** Docker's own when undefined. */
  readonly detachKeys: string | undefined
  /** Whether signals go to the container; never where it has a terminal. */
  readonly proxySignals: boolean
}

/**
 * Join the user's descriptors to a container that runs, until it ends (docker/cli container/attach.go).
 * @returns its exit code
 */
export async function attachRunning(
  invocation: Invocation,
  name: string,
  options: AttachRunningOptions,
): Promise<number> {
  const { client, host, out, err, signal, life } = invocation
  const { result } = await client.containers.wait(name, undefined, life)
  const { Id: id, Config: config } = await attachable(invocation, name)
  const tty = config.Tty === true
  const stdin = options.stdin && config.OpenStdin === true
  requireTerminal(host, options.stdin, tty)
  const keys = options.detachKeys
  const releases: (() => void)[] = []
  if (options.proxySignals && !tty) releases.push(proxySignals(invocation, id))
  try {
    const hijacked = await client.containers.attach(
      id,
      { stdin, stdout: true, stderr: true, ...(keys !== undefined && { detachKeys: keys }) },
      signal,
    )
    // It may have stopped meanwhile, and then nothing would end the stream.
    await attachable(invocation, id)
    if (tty && host.tty[1]) {
      // Another size first, so that a shell draws its prompt again.
      const { rows, cols } = host.size()
      await client.containers.resize(id, { rows: rows + 1, cols: cols + 1 }).catch(() => undefined)
      releases.push(followTerminal(host, err, (size) => client.containers.resize(id, size)))
    }
    const detachKeys = keys ?? DEFAULT_DETACH_KEYS
    await streamHijacked({ host, hijacked, tty, stdin, out, err, detachKeys, signal })
  } finally {
    for (const release of releases) release()
  }
  return exitCode(invocation, result)
}

async function attachable({ client, signal }: Invocation, name: string): Promise<ContainerInspect> {
  const container = await client.containers.inspect(name, signal)
  const { State: state } = container
  if (!state.Running)
    throw new ExitError(1, 'You cannot attach to a stopped container, start it first')
  if (state.Paused)
    throw new ExitError(1, 'You cannot attach to a paused container, unpause it first')
  if (state.Restarting)
    throw new ExitError(1, 'You cannot attach to a restarting container, wait until it is running')
  return container
}
