import { DEFAULT_DETACH_KEYS } from '../../codec/detach-keys.ts'
import type { ExecCreate } from '../../client/execs.ts'
import type { Invocation } from '../command.ts'
import { streamHijacked } from './attach-streams.ts'
import { followTerminal } from './follow-terminal.ts'
import { requireTerminal } from './require-terminal.ts'

/** A command to run in a container. */
export interface ExecRequest extends Pick<
  ExecCreate,
  'User' | 'Privileged' | 'Tty' | 'Env' | 'WorkingDir' | 'Cmd'
> {
  /** Don't wait for it. */
  readonly detach: boolean
  /** Unless detached. */
  readonly stdin: boolean
  /** Empty: Docker's own. */
  readonly detachKeys: string
}

/**
 * Run a command in a running container, joined to the user's descriptors (docker/cli container/exec.go, RunExec).
 * @returns its exit code; 0 when detached
 */
export async function execAttached(
  { client, host, out, err, signal }: Invocation,
  container: string,
  { detach, stdin: wanted, detachKeys, ...request }: ExecRequest,
): Promise<number> {
  const { Tty: tty } = request
  // An unknown container is told of before a missing terminal.
  await client.containers.inspect(container, signal)
  const stdin = wanted && !detach
  if (!detach) requireTerminal(host, stdin, tty)
  const size = tty && host.tty[1] ? ([host.size().rows, host.size().cols] as const) : undefined
  const { Id: id } = await client.execs.create(
    container,
    {
      ...request,
      ...(size && { ConsoleSize: size }),
      AttachStdin: stdin,
      AttachStdout: !detach,
      AttachStderr: !detach,
      DetachKeys: detachKeys,
    },
    signal,
  )
  if (detach) {
    await client.execs.startDetached(id, tty, signal)
    return 0
  }
  const hijacked = await client.execs.start(id, { tty, ...(size && { consoleSize: size }) }, signal)
  const release =
    tty && host.tty[0]
      ? followTerminal(host, err, (now) => client.execs.resize(id, now))
      : undefined
  try {
    await streamHijacked({
      host,
      hijacked,
      tty,
      stdin,
      out,
      err,
      detachKeys: detachKeys === '' ? DEFAULT_DETACH_KEYS : detachKeys,
      signal,
    })
  } finally {
    release?.()
  }
  const { ExitCode: code } = await client.execs.inspect(id)
  return code ?? 0
}
