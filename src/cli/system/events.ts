import type { EventMessage } from '../../core/engine-api.ts'
import { noArguments, type Command } from '../../kit/command.ts'
import { filtersOf, parseTimestamp } from '../../kit/flag-values.ts'
import { flag } from '../../kit/flags.ts'
import { objectTemplate } from '../../kit/object-template.ts'
import { objectFormatFlag } from '../../kit/list-format.ts'

export const events: Command = {
  usage: '[OPTIONS]',
  summary: 'Get real time events from the server',
  args: noArguments,
  flags: [
    flag('-f, --filter', 'filter', 'Filter output based on conditions provided'),
    objectFormatFlag('--format'),
    flag('--since', 'string', 'Show all events created since timestamp'),
    flag('--until', 'string', 'Stream events until this timestamp'),
  ],
  async run({ flags, client, out, signal }) {
    const format = flags.text('format')
    const template = format === '' || format === 'json' ? undefined : objectTemplate(format)
    const show = (line: string): string =>
      template ? template(JSON.parse(line)) : format === '' ? eventText(line) : line
    const now = Date.now()
    const time = (name: string): string | undefined =>
      flags.has(name) ? parseTimestamp(flags.text(name), now) : undefined
    const stream = await client.system.eventLines(
      { since: time('since'), until: time('until'), filters: filtersOf(flags.list('filter')) },
      signal,
    )
    for await (const line of stream) await out.line(show(line))
    return 0
  },
}

/** `2026-01-02T15:04:05.000000000Z container create ID (image=busybox, name=web)` */
function eventText(line: string): string {
  const { time, Type, Action, Actor } = JSON.parse(line) as EventMessage
  const exact = /"timeNano":(\d+)/.exec(line)?.[1]
  const nano = exact === undefined ? BigInt(time) * 1_000_000_000n : BigInt(exact)
  const seconds = Number(nano / 1_000_000_000n)
  const fraction = String(nano % 1_000_000_000n).padStart(9, '0')
  const at = `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${fraction}Z`
  const attributes = Object.entries(Actor.Attributes)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
  return `${at} ${Type} ${Action} ${Actor.ID}${attributes.length === 0 ? '' : ` (${attributes.join(', ')})`}`
}
