import type { EventMessage } from '../../core/engine-api.ts'
import { goJson } from '../../codec/go-template/print.ts'
import { noArguments, type Command } from '../command.ts'
import { filtersOf, parseTimestamp } from '../flag-values.ts'
import { flag } from '../flags.ts'
import { objectTemplate } from '../inspect.ts'
import { objectFormatFlag } from '../list-format.ts'

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
    const show =
      format === '' ? eventText : format === 'json' ? (event: EventMessage) => goJson(event) : objectTemplate(format)
    const now = Date.now()
    const time = (name: string): string | undefined =>
      flags.has(name) ? parseTimestamp(flags.text(name), now) : undefined
    const stream = await client.system.events(
      { since: time('since'), until: time('until'), filters: filtersOf(flags.list('filter')) },
      signal,
    )
    for await (const event of stream) await out.line(show(event))
    return 0
  },
}

/** `2026-01-02T15:04:05.000000000Z container create ID (image=busybox, name=web)` */
function eventText({ time, timeNano, Type, Action, Actor }: EventMessage): string {
  const nano = timeNano > 0 ? BigInt(Math.round(timeNano)) : BigInt(time) * 1_000_000_000n
  const seconds = Number(nano / 1_000_000_000n)
  const fraction = String(nano % 1_000_000_000n).padStart(9, '0')
  const at = `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${fraction}Z`
  const attributes = Object.entries(Actor.Attributes)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
  return `${at} ${Type} ${Action} ${Actor.ID}${attributes.length === 0 ? '' : ` (${attributes.join(', ')})`}`
}
