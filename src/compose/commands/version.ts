import { noArguments } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import type { ComposeCommand } from '../compose-command.ts'
import { COMPOSE_VERSION } from '../converge/labels.ts'

export const version: ComposeCommand = {
  usage: '[OPTIONS]',
  summary: 'Show the Docker Compose version information',
  args: noArguments,
  flags: [
    flag('-f, --format', 'string', 'Format the output. Values: [pretty | json]. (Default: pretty)'),
    flag('--short', 'bool', "Shows only Compose's version number"),
  ],
  async run({ flags, out }) {
    if (flags.bool('short')) await out.line(COMPOSE_VERSION)
    else if (flags.text('format') === 'json')
      await out.line(JSON.stringify({ version: `v${COMPOSE_VERSION}` }))
    else await out.line(`Docker Compose version v${COMPOSE_VERSION}`)
    return 0
  },
}
