import { atLeast, type Command } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { execAttached } from '../../kit/stream/exec-attached.ts'
import { detachKeysFlag } from './create-flags.ts'
import { checkEnv } from '../../kit/create-values.ts'
import { environment } from '../../kit/key-values.ts'

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
  async run(invocation) {
    const { flags, args, host } = invocation
    const [container = '', ...command] = args
    return execAttached(invocation, container, {
      User: flags.text('user'),
      Privileged: flags.bool('privileged'),
      Tty: flags.bool('tty'),
      Env: await environment(host, flags.list('env-file'), flags.list('env')),
      WorkingDir: flags.text('workdir'),
      Cmd: command,
      detach: flags.bool('detach'),
      stdin: flags.bool('interactive'),
      detachKeys: flags.given('detach-keys') ?? '',
    })
  },
}
