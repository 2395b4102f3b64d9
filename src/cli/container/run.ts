import { atLeast, ExitError, messageOf, type Command, type Invocation } from '../../kit/command.ts'
import { DEFAULT_DETACH_KEYS } from '../../codec/detach-keys.ts'
import { exitCode } from '../../kit/exit-code.ts'
import { flag } from '../../kit/flags.ts'
import { Detached, streamHijacked } from '../../kit/stream/attach-streams.ts'
import { followTerminal } from '../../kit/stream/follow-terminal.ts'
import { proxySignals } from '../../kit/stream/proxy-signals.ts'
import { BrokenPipe } from '../../kit/text-output.ts'
import { createFlags, detachKeysFlag } from './create-flags.ts'
import { createContainer, requestOf, withHelp } from './create.ts'
import { requireTerminal } from '../../kit/stream/require-terminal.ts'

export const run: Command = {
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'Create and run a new container from an image',
  args: atLeast(1),
  interspersed: false,
  flags: [
    ...createFlags,
    flag('-d, --detach', 'bool', 'Run container in background and print container ID'),
    detachKeysFlag,
    flag('--pull', 'string', 'Pull image before running ("always", "missing", "never")', {
      initial: 'missing',
    }),
    flag('--sig-proxy', 'bool', 'Proxy received signals to the process', { initial: 'true' }),
  ],
  async run(invocation) {
    const { flags, host } = invocation
    const parsed = await requestOf(invocation, 'run')
    const detach = flags.bool('detach')
    if (!detach) requireTerminal(host, parsed.AttachStdin === true, parsed.Tty === true)
    else if (flags.list('attach').length > 0) {
      throw new ExitError(1, 'conflicting options: cannot specify both --attach and --detach')
    }
    const request = detach
      ? {
          ...parsed,
          AttachStdin: false,
          AttachStdout: false,
          AttachStderr: false,
          StdinOnce: false,
        }
      : parsed
    const id = await createContainer(invocation, request).catch((error: unknown) => {
      throw statusOf(error)
    })
    return runContainer(invocation, id, {
      stdin: request.AttachStdin === true,
      stdout: request.AttachStdout === true,
      stderr: request.AttachStderr === true,
      tty: request.Tty === true,
    })
  },
}

interface Streams {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

/** Attach, watch for the end, start, stream: in this order, so that nothing is missed. */
async function runContainer(invocation: Invocation, id: string, streams: Streams): Promise<number> {
  const { flags, client, host, out, err, life } = invocation
  // Signals go to the container, and a stream lives until its process has ended.
  const leave = new AbortController()
  const stay = AbortSignal.any([leave.signal, life])
  const releases: (() => void)[] = []
  if (flags.bool('sig-proxy')) releases.push(proxySignals(invocation, id))
  const attached = streams.stdin || streams.stdout || streams.stderr
  try {
    const detachKeys = flags.given('detach-keys') ?? DEFAULT_DETACH_KEYS
    const hijacked = attached
      ? await client.containers.attach(
          id,
          { ...pick(streams), ...(flags.has('detach-keys') && { detachKeys }) },
          stay,
        )
      : undefined
    const streaming = hijacked
      ? streamHijacked({
          host,
          hijacked,
          tty: streams.tty,
          stdin: streams.stdin,
          out: streams.stdout ? out : undefined,
          err: streams.stderr ? err : undefined,
          detachKeys,
          signal: stay,
        })
      : undefined
    streaming?.catch(() => undefined)
    const autoRemove = flags.bool('rm')
    const { result } = await client.containers.wait(id, autoRemove ? 'removed' : 'next-exit', life)
    try {
      await client.containers.start(id)
    } catch (error) {
      leave.abort(error)
      await streaming?.catch(() => undefined)
      if (autoRemove) await result.catch(() => undefined)
      throw statusOf(error)
    }
    if (streaming === undefined) {
      await out.line(id)
      return 0
    }
    if (streams.tty && host.tty[1]) {
      releases.push(followTerminal(host, err, (size) => client.containers.resize(id, size)))
    }
    try {
      await streaming
    } catch (error) {
      if (error instanceof Detached) return 0
      throw error
    }
    return await exitCode(invocation, result)
  } finally {
    leave.abort(new ExitError(0))
    for (const release of releases) release()
  }
}

const pick = ({
  stdin,
  stdout,
  stderr,
}: Streams): { stdin: boolean; stdout: boolean; stderr: boolean } => ({
  stdin,
  stdout,
  stderr,
})

/** 127 when the command isn't there, 126 when it can't be run, else 125 (docker/cli container/run.go, toStatusError). */
function statusOf(error: unknown): unknown {
  if (error instanceof BrokenPipe) return error
  const message = messageOf(error)
  if (
    /executable file not found|no such file or directory|system cannot find the file specified/.test(
      message,
    )
  ) {
    return withHelp(message, 'run', 127, error)
  }
  if (/permission denied|is a directory/.test(message)) return withHelp(message, 'run', 126, error)
  return withHelp(message, 'run', 125, error)
}
