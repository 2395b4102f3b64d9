import type { EventMessage } from '../../core/engine-api.ts'
import { atLeast } from '../../kit/command.ts'
import { parseTimestamp } from '../../kit/flag-values.ts'
import { flag } from '../../kit/flags.ts'
import type { ComposeCommand } from '../compose-command.ts'
import { ONEOFF, PROJECT, SERVICE } from '../converge/labels.ts'

export const events: ComposeCommand = {
  usage: '[OPTIONS] [SERVICE...]',
  summary: 'Receive real time events from containers',
  args: atLeast(0),
  flags: [
    flag('--json', 'bool', 'Output events as a stream of json objects'),
    flag('--since', 'string', 'Show all events created since timestamp'),
    flag('--until', 'string', 'Stream events until this timestamp'),
  ],
  async run({ args, client, flags, out, project, signal }) {
    const { name } = await project()
    const now = Date.now()
    const time = (which: string): string | undefined =>
      flags.has(which) ? parseTimestamp(flags.text(which), now) : undefined
    const filters = { type: ['container'], label: [`${PROJECT}=${name}`] }
    const stream = await client.system.eventLines(
      { since: time('since'), until: time('until'), filters },
      signal,
    )
    const textOf = flags.bool('json') ? jsonText : plainText
    for await (const line of stream) {
      const event = JSON.parse(line) as EventMessage
      const { [ONEOFF]: oneOff, [SERVICE]: service = '' } = event.Actor.Attributes
      if (oneOff === 'True' || (args.length > 0 && !args.includes(service))) continue
      // A JavaScript number can't hold nanoseconds.
      const nano = /"timeNano":(\d+)/.exec(line)?.[1] ?? `${event.time}000000000`
      await out.line(textOf(event, service, nano))
    }
    return 0
  },
}

/** The user's own, by name. */
const attributesOf = ({ Actor }: EventMessage): [string, string][] =>
  Object.entries(Actor.Attributes)
    .filter(([name]) => !name.startsWith('com.docker.compose.'))
    .toSorted(([left], [right]) => (left < right ? -1 : 1))

const secondsOf = (nano: string): string =>
  new Date(Number(nano.slice(0, -9)) * 1000).toISOString().slice(0, 19)

function jsonText(event: EventMessage, service: string, nano: string): string {
  const fraction = nano.slice(-9).replace(/0+$/, '')
  return JSON.stringify({
    action: event.Action,
    attributes: Object.fromEntries(attributesOf(event)),
    id: event.Actor.ID,
    service,
    time: `${secondsOf(nano)}${fraction === '' ? '' : `.${fraction}`}Z`,
    type: 'container',
  })
}

/** With an empty line after it, as Compose has it (pkg/api, Event.String). */
function plainText(event: EventMessage, _service: string, nano: string): string {
  const attributes = attributesOf(event).map(([name, value]) => `${name}=${value}`)
  const at = `${secondsOf(nano).replace('T', ' ')}.${nano.slice(-9, -3)}`
  return `${at} container ${event.Action} ${event.Actor.ID} (${attributes.join(', ')})\n`
}
