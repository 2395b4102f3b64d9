import type { ContainerSummary } from '../../client/types.ts'
import { shortId } from '../../core/short-id.ts'
import { atLeast } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { ago, ellipsis, goTime, quote } from '../../kit/human.ts'
import { formatList, listFormatFlag, type ListFormat } from '../../kit/list-format.ts'
import { portsText } from '../../kit/ports-text.ts'
import type { ComposeCommand } from '../compose-command.ts'
import { PROJECT } from '../converge/labels.ts'
import { isOneOff, nameOf, observe, serviceOf } from '../converge/observed.ts'

const statuses = 'paused | restarting | removing | running | dead | created | exited'

export const ps: ComposeCommand = {
  usage: '[OPTIONS] [SERVICE...]',
  summary: 'List containers',
  args: atLeast(0),
  flags: [
    flag(
      '-a, --all',
      'bool',
      'Show all stopped containers (including those created by the run command)',
    ),
    flag('--filter', 'string', 'Filter services by a property (supported filters: status)'),
    listFormatFlag,
    flag('--no-trunc', 'bool', "Don't truncate output"),
    flag('--orphans', 'bool', 'Include orphaned services (not declared by project)', {
      initial: 'true',
    }),
    flag('-q, --quiet', 'bool', 'Only display IDs'),
    flag('--services', 'bool', 'Display services'),
    flag('--status', 'list', `Filter services by status. Values: [${statuses}]`),
  ],
  async run({ flags, args, client, out, project, signal }) {
    const target = await project()
    for (const name of args)
      if (!(name in target.services)) throw new Error(`no such service: ${name}`)
    const wanted = statusesOf(flags.list('status'), flags.text('filter'))
    const all = flags.bool('all') || wanted.length > 0
    const observed = await observe(client, target.name, { oneOff: all, all }, signal)
    const known =
      args.length > 0 || !flags.bool('orphans') ? Object.keys(target.services) : undefined
    const rows = observed
      .filter((row) => args.length === 0 || args.includes(serviceOf(row)))
      .filter((row) => known === undefined || known.includes(serviceOf(row)))
      .filter((row) => flags.bool('all') || !isOneOff(row))
      .filter(({ State }) => wanted.length === 0 || wanted.includes(State))
      .toSorted((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1))
    if (flags.bool('quiet')) await out.write(rows.map(({ Id }) => `${Id}\n`).join(''))
    else if (flags.bool('services')) await out.line([...new Set(rows.map(serviceOf))].join('\n'))
    else
      await out.write(
        formatList(rows, format(!flags.bool('no-trunc')), { format: flags.text('format') }),
      )
    return 0
  },
}

function statusesOf(given: readonly string[], filter: string): readonly string[] {
  if (filter === '') return given
  const [key = '', value] = filter.split('=')
  if (value === undefined) throw new Error('arguments to --filter should be in form KEY=VAL')
  if (key !== 'status') throw new Error(`unknown filter ${key}`)
  return [...given, value]
}

const format = (truncate: boolean): ListFormat<ContainerSummary> => ({
  rowType: '*formatter.ContainerContext',
  table:
    '{{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}',
  fields: {
    ID: { header: 'CONTAINER ID', value: ({ Id }) => (truncate ? shortId(Id) : Id) },
    Name: { header: 'NAME', value: nameOf },
    Names: { header: 'NAMES', value: nameOf },
    Project: { header: 'PROJECT', value: ({ Labels }) => Labels?.[PROJECT] ?? '' },
    Service: { header: 'SERVICE', value: serviceOf },
    Image: { header: 'IMAGE', value: ({ Image }) => Image },
    Command: {
      header: 'COMMAND',
      value: ({ Command }) => quote(truncate ? ellipsis(Command, 20) : Command),
    },
    CreatedAt: { header: 'CREATED AT', value: ({ Created }) => goTime(Created) },
    RunningFor: { header: 'CREATED', value: ({ Created }) => ago(Created) },
    Ports: { header: 'PORTS', value: ({ Ports }) => portsText(Ports ?? []) },
    State: { header: 'STATE', value: ({ State }) => State },
    Status: { header: 'STATUS', value: ({ Status }) => Status },
    Health: { header: 'HEALTH', value: ({ Status }) => healthOf(Status) },
    ExitCode: {
      header: 'EXIT CODE',
      value: ({ Status }) => Number(/^Exited \((\d+)\)/.exec(Status)?.[1] ?? 0),
    },
    Labels: {
      header: 'LABELS',
      value: ({ Labels }) =>
        Object.entries(Labels ?? {})
          .map(([key, value]) => `${key}=${value}`)
          .join(','),
    },
  },
})

/** The list tells it in the status alone: `Up 3 seconds (healthy)`. */
function healthOf(status: string): string {
  const [, text = ''] = /\((?:health: )?(healthy|unhealthy|starting)\)$/.exec(status) ?? []
  return text
}
