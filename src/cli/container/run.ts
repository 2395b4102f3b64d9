import { atLeast, ExitError, messageOf, type Command } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { runAttached } from '../../kit/stream/run-attached.ts'
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
    return runAttached(invocation, id, {
      stdin: request.AttachStdin === true,
      stdout: request.AttachStdout === true,
      stderr: request.AttachStderr === true,
      tty: request.Tty === true,
      detachKeys: flags.given('detach-keys'),
      autoRemove: flags.bool('rm'),
      proxySignals: flags.bool('sig-proxy'),
      startFailed: statusOf,
    })
  },
}

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
