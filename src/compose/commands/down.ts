import type { ComposeCommand } from '../compose-command.ts'
import { down as takeDown } from '../converge/down.ts'
import { flag } from '../../kit/flags.ts'
import { atLeast } from '../../kit/command.ts'

export const down: ComposeCommand = {
  usage: '[OPTIONS] [SERVICES]',
  summary: 'Stop and remove containers, networks',
  args: atLeast(0),
  flags: [
    flag(
      '--remove-orphans',
      'bool',
      'Remove containers for services not defined in the Compose file',
    ),
    flag(
      '--rmi',
      'string',
      'Remove images used by services. "local" remove only images that don\'t have a custom tag ("local"|"all")',
      {
        check: (value) => {
          if (value === 'all' || value === 'local') return value
          throw new Error(`invalid value for --rmi: ${JSON.stringify(value)}`)
        },
      },
    ),
    flag('-t, --timeout', 'int', 'Specify a shutdown timeout in seconds'),
    flag(
      '-v, --volumes',
      'bool',
      'Remove named volumes declared in the "volumes" section of the Compose file and anonymous volumes attached to containers',
    ),
  ],
  async run({ flags, args, project, withProgress }) {
    const images = flags.given('rmi')
    const target = await project()
    await withProgress('Running', (session) =>
      takeDown(session, target, {
        services: args,
        removeOrphans: flags.bool('remove-orphans'),
        volumes: flags.bool('volumes'),
        images: images === 'all' || images === 'local' ? images : undefined,
        ...(flags.has('timeout') && { timeout: flags.number('timeout') }),
      }),
    )
    return 0
  },
}
