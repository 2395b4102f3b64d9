import { isNotFound } from '../../client/client-error.ts'
import type { Volume } from '../../client/types.ts'
import { atLeast, atMost, noArguments, type Command } from '../../kit/command.ts'
import { checkLabel } from '../../kit/create-values.ts'
import { mapOf } from '../../kit/key-values.ts'
import { labelsOf } from '../container/list.ts'
import { filtersOf } from '../../kit/flag-values.ts'
import { flag } from '../../kit/flags.ts'
import { humanSize, naturally } from '../../kit/human.ts'
import { inspectAll } from '../inspect.ts'
import {
  formatList,
  listFormatFlag,
  objectFormatFlag,
  type ListFormat,
} from '../../kit/list-format.ts'
import { eachOperand } from '../../kit/operands.ts'

export const list: Command = {
  usage: '[OPTIONS]',
  summary: 'List volumes',
  args: noArguments,
  flags: [
    flag(
      '--cluster',
      'bool',
      'Display only cluster volumes, and use cluster volume list formatting',
      { hidden: true },
    ),
    flag('-f, --filter', 'filter', 'Provide filter values (e.g. "dangling=true")'),
    listFormatFlag,
    flag('-q, --quiet', 'bool', 'Only display volume names'),
  ],
  async run({ flags, client, out, signal }) {
    const volumes = await client.volumes.list(filtersOf(flags.list('filter')), signal)
    const sorted = [...volumes].sort((left, right) => naturally(left.Name, right.Name))
    await out.write(
      formatList(sorted, volumeFormat, {
        format: flags.text('format'),
        quiet: flags.bool('quiet'),
      }),
    )
    return 0
  },
}

const none = (header: string): { header: string; value: () => string } => ({
  header,
  value: () => 'N/A',
})

const volumeFormat: ListFormat<Volume> = {
  rowType: '*formatter.volumeContext',
  table: '{{.Driver}}\t{{.Name}}',
  quiet: '{{.Name}}',
  fields: {
    Name: { header: 'VOLUME NAME', value: ({ Name }) => Name },
    Driver: { header: 'DRIVER', value: ({ Driver }) => Driver },
    Scope: { header: 'SCOPE', value: ({ Scope }) => Scope },
    Mountpoint: { header: 'MOUNTPOINT', value: ({ Mountpoint }) => Mountpoint },
    Labels: { header: 'LABELS', value: ({ Labels }) => labelsOf(Labels) },
    Label: {
      header: '',
      value:
        ({ Labels }) =>
        (name: unknown) =>
          Labels?.[String(name)] ?? '',
    },
    Links: {
      header: 'LINKS',
      value: ({ UsageData }) => (UsageData ? String(UsageData.RefCount) : 'N/A'),
    },
    Size: {
      header: 'SIZE',
      value: ({ UsageData }) => (UsageData ? humanSize(UsageData.Size, 4) : 'N/A'),
    },
    // Of volumes in a swarm.
    Group: none('GROUP'),
    Status: none('STATUS'),
    Availability: none('AVAILABILITY'),
  },
}

export const inspect: Command = {
  usage: '[OPTIONS] VOLUME [VOLUME...]',
  summary: 'Display detailed information on one or more volumes',
  args: atLeast(1),
  flags: [objectFormatFlag()],
  run: (invocation) =>
    inspectAll(invocation, (name) => invocation.client.volumes.inspectRaw(name, invocation.signal)),
}

export const create: Command = {
  usage: '[OPTIONS] [VOLUME]',
  summary: 'Create a volume',
  args: atMost(1),
  flags: [
    flag('-d, --driver', 'string', 'Specify volume driver name', { initial: 'local' }),
    flag('--label', 'list', 'Set metadata for a volume', { check: checkLabel }),
    flag('-o, --opt', 'map', 'Set driver specific options', { shownInitial: 'map[]' }),
  ],
  async run({ flags, args, client, out, signal }) {
    const { Name } = await client.volumes.create(
      {
        Name: args[0] ?? '',
        Driver: flags.text('driver'),
        DriverOpts: mapOf(flags.list('opt')),
        Labels: mapOf(flags.list('label')),
      },
      signal,
    )
    await out.line(Name)
    return 0
  },
}

export const remove: Command = {
  usage: '[OPTIONS] VOLUME [VOLUME...]',
  summary: 'Remove one or more volumes',
  description:
    'Remove one or more volumes. You cannot remove a volume that is in use by a container.',
  args: atLeast(1),
  flags: [flag('-f, --force', 'bool', 'Force the removal of one or more volumes')],
  run(invocation) {
    const { client, flags, signal } = invocation
    const force = flags.bool('force')
    return eachOperand(
      invocation,
      invocation.args,
      async (name) => {
        await client.volumes.remove(name, force, signal)
        return name
      },
      (error) => force && isNotFound(error),
    )
  },
}
