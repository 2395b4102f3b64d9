import { atLeast, ExitError } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import type { ComposeCommand } from '../compose-command.ts'
import { apply } from '../converge/apply.ts'
import { imageOptions, noBuildFlag, pullFlag } from './image-options.ts'
import { scaled } from './up.ts'

export const create: ComposeCommand = {
  usage: '[OPTIONS] [SERVICE...]',
  summary: 'Creates containers for a service',
  args: atLeast(0),
  flags: [
    flag('--build', 'bool', 'Build images before starting containers'),
    flag(
      '--force-recreate',
      'bool',
      "Recreate containers even if their configuration and image haven't changed",
    ),
    noBuildFlag,
    flag(
      '--no-recreate',
      'bool',
      "If containers already exist, don't recreate them. Incompatible with --force-recreate.",
    ),
    pullFlag,
    flag(
      '--remove-orphans',
      'bool',
      'Remove containers for services not defined in the Compose file',
    ),
    flag(
      '--scale',
      'list',
      'Scale SERVICE to NUM instances. Overrides the scale setting in the Compose file if present.',
    ),
    flag('-y, --yes', 'bool', 'Assume "yes" as answer to all prompts and run non-interactively'),
  ],
  async run(invocation) {
    const { args, flags, load, withProgress } = invocation
    const [force, never] = [flags.bool('force-recreate'), flags.bool('no-recreate')]
    if (force && never)
      throw new ExitError(1, '--force-recreate and --no-recreate are incompatible')
    const whole = await load(args)
    const target = scaled(whole, flags.list('scale'))
    await withProgress('Running', (session) =>
      apply(session, target, {
        images: imageOptions(invocation, session, target, flags.bool('no-build')),
        services: args,
        recreate: never ? 'never' : force ? 'force' : 'diverged',
        recreateDependencies: never ? 'never' : 'diverged',
        inherit: true,
        removeOrphans: flags.bool('remove-orphans'),
        ignoreOrphans: false,
        replaceDivergedVolumes: flags.bool('yes'),
        known: [...Object.keys(whole.services), ...Object.keys(whole.disabledServices)],
      }),
    )
    return 0
  },
}
