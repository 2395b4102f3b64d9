import { atLeast, ExitError } from '../../kit/command.ts'
import { flag, type Flags } from '../../kit/flags.ts'
import type { ComposeCommand } from '../compose-command.ts'
import { apply, type ApplyOptions } from '../converge/apply.ts'
import { servicesAlone } from '../converge/dependency-order.ts'
import { start } from '../converge/start.ts'
import type { Project } from '../project.ts'
import { imageOptions, noBuildFlag, pullFlag } from './image-options.ts'
import { runAttached } from './up-attached.ts'

export const up: ComposeCommand = {
  usage: '[OPTIONS] [SERVICE...]',
  summary: 'Create and start containers',
  args: atLeast(0),
  flags: [
    flag(
      '--abort-on-container-exit',
      'bool',
      'Stops all containers if any container was stopped. Incompatible with -d',
    ),
    flag(
      '--always-recreate-deps',
      'bool',
      'Recreate dependent containers. Incompatible with --no-recreate.',
    ),
    flag('--build', 'bool', 'Build images before starting containers'),
    flag('-d, --detach', 'bool', 'Detached mode: Run containers in the background'),
    flag(
      '--exit-code-from',
      'string',
      'Return the exit code of the selected service container. Implies --abort-on-container-exit',
    ),
    flag(
      '--force-recreate',
      'bool',
      "Recreate containers even if their configuration and image haven't changed",
    ),
    noBuildFlag,
    flag('--no-color', 'bool', 'Produce monochrome output'),
    flag('--no-deps', 'bool', "Don't start linked services"),
    flag('--no-log-prefix', 'bool', "Don't print prefix in logs"),
    flag(
      '--no-recreate',
      'bool',
      "If containers already exist, don't recreate them. Incompatible with --force-recreate.",
    ),
    flag('--no-start', 'bool', "Don't start the services after creating them"),
    pullFlag,
    flag(
      '--remove-orphans',
      'bool',
      'Remove containers for services not defined in the Compose file',
    ),
    flag(
      '-V, --renew-anon-volumes',
      'bool',
      'Recreate anonymous volumes instead of retrieving data from the previous containers',
    ),
    flag(
      '--scale',
      'list',
      'Scale SERVICE to NUM instances. Overrides the scale setting in the Compose file if present.',
    ),
    flag(
      '-t, --timeout',
      'int',
      'Use this timeout in seconds for container shutdown when attached or when containers are already running',
      { initial: '0' },
    ),
    flag('--wait', 'bool', 'Wait for services to be running|healthy. Implies detached mode.'),
    flag('-y, --yes', 'bool', 'Assume "yes" as answer to all prompts and run non-interactively'),
  ],
  async run(invocation) {
    const { args, flags, host, load, withProgress } = invocation
    checkFlags(flags)
    const whole = await load(args)
    const chosen = flags.bool('no-deps') ? servicesAlone(whole, args) : whole
    const target = scaled(chosen, flags.list('scale'))
    const detached = flags.bool('detach') || flags.bool('wait') || flags.bool('no-start')
    const options = applyOptions(flags, args, whole, host.env['COMPOSE_IGNORE_ORPHANS'] === 'true')
    await withProgress('Running', async (session) => {
      await apply(session, target, {
        ...options,
        images: imageOptions(invocation, session, target, flags.bool('no-build')),
      })
      if (detached && !flags.bool('no-start'))
        await start(session, target, { wait: flags.bool('wait') })
    })
    if (detached) return 0
    return runAttached(invocation, target, {
      abortOnExit: flags.bool('abort-on-container-exit') || flags.has('exit-code-from'),
      exitCodeFrom: flags.given('exit-code-from'),
      timeout: options.timeout,
    })
  },
}

function checkFlags(flags: Flags): void {
  const together = (one: string, other: string): boolean => flags.bool(one) && flags.bool(other)
  if (together('force-recreate', 'no-recreate'))
    throw new ExitError(1, '--force-recreate and --no-recreate are incompatible')
  if (together('always-recreate-deps', 'no-recreate'))
    throw new ExitError(1, '--always-recreate-deps and --no-recreate are incompatible')
  if (
    (flags.bool('detach') || flags.bool('wait')) &&
    (flags.bool('abort-on-container-exit') || flags.has('exit-code-from'))
  ) {
    throw new ExitError(
      1,
      '--detach cannot be combined with --abort-on-container-exit, --abort-on-container-failure, --attach, --attach-dependencies or --watch',
    )
  }
}

function applyOptions(
  flags: Flags,
  services: readonly string[],
  whole: Project,
  ignoreOrphans: boolean,
): Omit<ApplyOptions, 'images'> {
  const recreate = flags.bool('no-recreate')
    ? 'never'
    : flags.bool('force-recreate')
      ? 'force'
      : 'diverged'
  return {
    services,
    recreate,
    recreateDependencies: flags.bool('always-recreate-deps') ? 'force' : 'diverged',
    inherit: !flags.bool('renew-anon-volumes'),
    removeOrphans: flags.bool('remove-orphans'),
    ignoreOrphans,
    ...(flags.has('timeout') && { timeout: flags.number('timeout') }),
    replaceDivergedVolumes: flags.bool('yes'),
    known: [...Object.keys(whole.services), ...Object.keys(whole.disabledServices)],
  }
}

/** `--scale web=3` */
export function scaled(project: Project, texts: readonly string[]): Project {
  const services = { ...project.services }
  for (const text of texts) {
    const [name = '', count] = text.split('=')
    const service = services[name]
    if (count === undefined || !/^\d+$/.test(count))
      throw new ExitError(1, `invalid --scale option "${text}". Should be SERVICE=NUM`)
    if (!service) throw new ExitError(1, `no such service: ${name}`)
    services[name] = { ...service, scale: Number(count) }
  }
  return { ...project, services }
}
