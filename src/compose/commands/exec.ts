import { atLeast } from '../../kit/command.ts'
import { checkEnv } from '../../kit/create-values.ts'
import { flag } from '../../kit/flags.ts'
import { execAttached } from '../../kit/stream/exec-attached.ts'
import type { ComposeCommand } from '../compose-command.ts'
import { runningContainer } from '../converge/observed.ts'

export const exec: ComposeCommand = {
  usage: '[OPTIONS] SERVICE COMMAND [ARGS...]',
  summary: 'Execute a command in a running container',
  args: atLeast(2),
  interspersed: false,
  flags: [
    flag('-d, --detach', 'bool', 'Detached mode: Run command in the background'),
    flag('-e, --env', 'list', 'Set environment variables', { check: checkEnv }),
    flag('--index', 'int', 'Index of the container if service has multiple replicas', {
      initial: '0',
    }),
    flag('-i, --interactive', 'bool', 'Keep STDIN open even if not attached', {
      initial: 'true',
      hidden: true,
    }),
    flag(
      '-T, --no-tty',
      'bool',
      "Disable pseudo-TTY allocation. By default 'docker compose exec' allocates a TTY.",
    ),
    flag('--no-TTY', 'bool', 'The old name of --no-tty', { hidden: true, alias: 'no-tty' }),
    flag('--privileged', 'bool', 'Give extended privileges to the process'),
    // Taken for those who are used to `docker exec -it`: only -T decides.
    flag('-t, --tty', 'bool', 'Allocate a pseudo-TTY', { initial: 'true', hidden: true }),
    flag('-u, --user', 'string', 'Run the command as this user'),
    flag('-w, --workdir', 'string', 'Path to workdir directory for this command'),
  ],
  async run(invocation) {
    const { args, client, flags, host, project, signal } = invocation
    const [service = '', ...command] = args
    const { name, environment } = await project()
    const { Id } = await runningContainer(client, name, service, flags.number('index'), signal)
    const known = { ...host.env, ...environment }
    return execAttached(invocation, Id, {
      User: flags.text('user'),
      Privileged: flags.bool('privileged'),
      Tty: !(flags.has('no-tty') ? flags.bool('no-tty') : !host.tty[1]),
      Env: flags.list('env').map((pair) => {
        const value = known[pair]
        return value === undefined ? pair : `${pair}=${value}`
      }),
      WorkingDir: flags.text('workdir'),
      Cmd: command,
      detach: flags.bool('detach'),
      stdin: flags.bool('interactive'),
      detachKeys: '',
    })
  },
}
