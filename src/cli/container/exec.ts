import { atLeast, type Command } from '../../kit/command.ts'
import { DEFAULT_DETACH_KEYS } from '../../codec/detach-keys.ts'
import { flag } from '../../kit/flags.ts'
import { streamHijacked } from '../../kit/stream/attach-streams.ts'
import { followTerminal } from '../../kit/stream/follow-terminal.ts'
import { detachKeysFlag } from './create-flags.ts'
import { checkEnv } from '../../kit/create-values.ts'
import { environment } from '../../kit/key-values.ts'
import { requireTerminal } from '../../kit/stream/require-terminal.ts'

export const exec: Command = {
  usage: '[OPTIONS] CONTAINER COMMAND [ARG...]',
  summary: 'Execute a command in a running container',
  args: atLeast(2),
  interspersed: false,
  flags: [
    flag('-d, --detach', 'bool', 'Detached mode: run command in the background'),
    detachKeysFlag,
    flag('-e, --env', 'list', 'Set environment variables', { check: checkEnv }),
    flag('--env-file', 'list', 'Read in a file of environment variables'),
    flag('-i, --interactive', 'bool', 'Keep STDIN open even if not attached'),
    flag('--privileged', 'bool', 'Give extended privileges to the command'),
    flag('-t, --tty', 'bool', 'Allocate a pseudo-TTY'),
    flag('-u, --user', 'string', 'Username or UID (format: "<name|uid>[:<group|gid>]")'),
    flag('-w, --workdir', 'string', 'Working directory inside the container'),
  ],
  async run({ flags, args, client, host, out, err, signal }) {
    const [container = '', ...command] = args
    const env = await environment(host, flags.list('env-file'), flags.list('env'))
    // An unknown container is told of before a missing terminal.
    await client.containers.inspect(container, signal)
    const detach = flags.bool('detach')
    const tty = flags.bool('tty')
    const stdin = flags.bool('interactive') && !detach
    if (!detach) requireTerminal(host, stdin, tty)
    const size = tty && host.tty[1] ? ([host.size().rows, host.size().cols] as const) : undefined
    const detachKeys = flags.given('detach-keys') ?? ''
    const { Id: id } = await client.execs.create(
      container,
      {
        User: flags.text('user'),
        Privileged: flags.bool('privileged'),
        Tty: tty,
        ...(size && { ConsoleSize: size }),
        AttachStdin: stdin,
        AttachStdout: !detach,
        AttachStderr: !detach,
        DetachKeys: detachKeys,
        Env: env,
        WorkingDir: flags.text('workdir'),
        Cmd: command,
      },
      signal,
    )
    if (detach) {
      await client.execs.startDetached(id, tty, signal)
      return 0
    }
    const hijacked = await client.execs.start(
      id,
      { tty, ...(size && { consoleSize: size }) },
      signal,
    )
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
  },
}
