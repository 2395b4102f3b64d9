import { atLeast, ExitError } from '../../kit/command.ts'
import { flag, type Flags } from '../../kit/flags.ts'
import { requireTerminal } from '../../kit/stream/require-terminal.ts'
import { runAttached } from '../../kit/stream/run-attached.ts'
import type { ComposeCommand } from '../compose-command.ts'
import { servicesAlone } from '../converge/dependency-order.ts'
import { createOneOff } from '../converge/run-once.ts'
import { overridden, variablesOf } from '../run-overrides.ts'
import { imageOptions, pullFlag } from './image-options.ts'

export const run: ComposeCommand = {
  usage: '[OPTIONS] SERVICE [COMMAND] [ARGS...]',
  summary: 'Run a one-off command on a service',
  args: atLeast(1),
  interspersed: false,
  flags: [
    flag('--build', 'bool', 'Build image before starting container'),
    flag('--cap-add', 'list', 'Add Linux capabilities'),
    flag('--cap-drop', 'list', 'Drop Linux capabilities'),
    flag('-d, --detach', 'bool', 'Run container in background and print container ID'),
    flag('--entrypoint', 'string', 'Override the entrypoint of the image'),
    flag('-e, --env', 'list', 'Set environment variables'),
    flag('--env-from-file', 'list', 'Set environment variables from file'),
    flag('-i, --interactive', 'bool', 'Keep STDIN open even if not attached', { initial: 'true' }),
    flag('-l, --label', 'list', 'Add or override a label'),
    flag('--name', 'string', 'Assign a name to the container'),
    flag('-T, --no-TTY', 'bool', 'Disable pseudo-TTY allocation (default: auto-detected)'),
    flag('--no-deps', 'bool', "Don't start linked services"),
    flag('-p, --publish', 'list', "Publish a container's port(s) to the host"),
    pullFlag,
    flag(
      '--remove-orphans',
      'bool',
      'Remove containers for services not defined in the Compose file',
    ),
    flag('--rm', 'bool', 'Automatically remove the container when it exits'),
    flag(
      '-P, --service-ports',
      'bool',
      "Run command with all service's ports enabled and mapped to the host",
    ),
    flag('-t, --tty', 'bool', 'Allocate a pseudo-TTY', { initial: 'true', hidden: true }),
    flag(
      '--use-aliases',
      'bool',
      "Use the service's network useAliases in the network(s) the container connects to",
    ),
    flag('-u, --user', 'string', 'Run as specified username or uid'),
    flag('-v, --volume', 'list', 'Bind mount a volume'),
    flag('-w, --workdir', 'string', 'Working directory inside the container'),
  ],
  async run(invocation) {
    const { args, flags, host, load, withProgress } = invocation
    const [name = '', ...command] = args
    if (flags.list('publish').length > 0 && flags.bool('service-ports'))
      throw new ExitError(1, '--service-ports and --publish are incompatible')
    const tty = wantsTerminal(flags, host.tty)
    const interactive = flags.bool('interactive')
    const whole = await load([name])
    const project = flags.bool('no-deps') ? servicesAlone(whole, [name]) : whole
    const service = project.services[name]
    if (!service) throw new Error(`no such service: ${name}`)
    const variables = await variablesOf(invocation, project)
    const config = overridden({ flags, cwd: host.cwd, variables }, service, {
      command,
      tty,
      interactive,
    })
    requireTerminal(host, interactive, tty)
    const autoRemove = flags.bool('rm')
    const id = await withProgress('Running', (session) =>
      createOneOff(
        session,
        project,
        {
          service: name,
          config,
          name: flags.given('name'),
          autoRemove,
          attachStdin: interactive,
          aliases: flags.bool('use-aliases'),
        },
        {
          images: imageOptions(invocation, session, project),
          services: [],
          recreate: 'diverged',
          recreateDependencies: 'diverged',
          inherit: false,
          removeOrphans: flags.bool('remove-orphans'),
          ignoreOrphans: project.environment['COMPOSE_IGNORE_ORPHANS'] === 'true',
          replaceDivergedVolumes: false,
          known: [...Object.keys(whole.services), ...Object.keys(whole.disabledServices)],
        },
      ),
    )
    const attached = !flags.bool('detach')
    return runAttached(invocation, id, {
      stdin: attached && interactive,
      stdout: attached,
      stderr: attached,
      tty,
      autoRemove,
      proxySignals: attached,
    })
  },
}

/** As a user with a terminal expects it, unless flags say otherwise (cmd/compose/run.go). */
function wantsTerminal(flags: Flags, [stdin, stdout]: readonly boolean[]): boolean {
  if (flags.has('tty')) {
    if (flags.has('no-TTY')) throw new ExitError(1, "--tty and --no-TTY can't be used together")
    return flags.bool('tty')
  }
  if (flags.has('no-TTY')) return !flags.bool('no-TTY')
  return stdout === true && (flags.has('interactive') || stdin === true)
}
