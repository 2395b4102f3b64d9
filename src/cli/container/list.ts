import type { ContainerSummary } from '../../client/types.ts'
import { familiar, parseReference } from '../../core/reference.ts'
import { EngineError } from '../../core/error.ts'
import { shortId } from '../../core/short-id.ts'
import { noArguments, type Command } from '../../kit/command.ts'
import { filtersOf } from '../../kit/flag-values.ts'
import { flag } from '../../kit/flags.ts'
import { ago, ellipsis, goTime, humanSize, quote } from '../../kit/human.ts'
import { formatList, listFormatFlag, usesField, type ListFormat } from '../../kit/list-format.ts'
import { portsText } from '../../kit/ports-text.ts'

export const list: Command = {
  usage: '[OPTIONS]',
  summary: 'List containers',
  args: noArguments,
  flags: [
    flag('-a, --all', 'bool', 'Show all containers (default shows just running)'),
    flag('-f, --filter', 'filter', 'Filter output based on conditions provided'),
    listFormatFlag,
    flag('-n, --last', 'int', 'Show n last created containers (includes all states)', {
      initial: '-1',
    }),
    flag('-l, --latest', 'bool', 'Show the latest created container (includes all states)'),
    flag('--no-trunc', 'bool', "Don't truncate output"),
    flag('-q, --quiet', 'bool', 'Only display container IDs'),
    flag('-s, --size', 'bool', 'Display total file sizes'),
  ],
  async run({ flags, client, out, signal }) {
    const format = flags.text('format')
    const quiet = flags.bool('quiet')
    const shape = containerFormat(!flags.bool('no-trunc'))
    const table = flags.bool('size') ? `${shape.table}\t{{.Size}}` : shape.table
    const size = flags.bool('size') || (!quiet && usesField(format, 'Size'))
    const limit = flags.bool('latest') && !flags.has('last') ? 1 : flags.number('last')
    // A wrong field is told of before the engine is asked.
    if (format !== '') formatList([NOTHING], shape, { format, quiet, table })
    const rows = await client.containers.list(
      { all: flags.bool('all'), limit, size, filters: filtersOf(flags.list('filter')) },
      signal,
    )
    await out.write(formatList(rows, shape, { format, quiet, table }))
    return 0
  },
}

const NOTHING: ContainerSummary = {
  Id: '',
  Names: [],
  Image: '',
  ImageID: '',
  Command: '',
  Created: 0,
  Ports: [],
  Labels: {},
  State: '',
  Status: '',
}

/** A row of `docker ps`; also what `system df -v` shows of containers. */
export function containerFormat(truncate: boolean): ListFormat<ContainerSummary> {
  const id = (text: string): string => (truncate ? shortId(text) : text)
  return {
    rowType: '*formatter.ContainerContext',
    table:
      '{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}',
    quiet: '{{.ID}}',
    fields: {
      ID: { header: 'CONTAINER ID', value: (row) => id(row.Id) },
      Names: { header: 'NAMES', value: (row) => namesOf(row, truncate) },
      Image: { header: 'IMAGE', value: (row) => imageOf(row, truncate) },
      Command: {
        header: 'COMMAND',
        value: ({ Command }) => quote(truncate ? ellipsis(Command, 20) : Command),
      },
      CreatedAt: { header: 'CREATED AT', value: ({ Created }) => goTime(Created) },
      RunningFor: { header: 'CREATED', value: ({ Created }) => ago(Created) },
      Ports: { header: 'PORTS', value: ({ Ports }) => portsText(Ports ?? []) },
      State: { header: 'STATE', value: ({ State }) => State },
      Status: { header: 'STATUS', value: ({ Status }) => Status },
      Size: { header: 'SIZE', value: sizeOf },
      Labels: { header: 'LABELS', value: ({ Labels }) => labelsOf(Labels) },
      Label: {
        header: '',
        value:
          ({ Labels }) =>
          (name: unknown) =>
            Labels?.[String(name)] ?? '',
      },
      Mounts: {
        header: 'MOUNTS',
        value: ({ Mounts }) =>
          (Mounts ?? [])
            .map(({ Name, Source }) => (Name === undefined || Name === '' ? Source : Name))
            .map((name) => (truncate ? ellipsis(name, 15) : name))
            .join(','),
      },
      LocalVolumes: {
        header: 'LOCAL VOLUMES',
        value: ({ Mounts }) =>
          String((Mounts ?? []).filter(({ Type }) => Type === 'volume').length),
      },
      Platform: {
        header: 'PLATFORM',
        value: ({ ImageManifestDescriptor }) => ImageManifestDescriptor?.platform ?? null,
      },
      Networks: {
        header: 'NETWORKS',
        value: ({ NetworkSettings }) =>
          Object.keys(NetworkSettings?.Networks ?? {})
            .sort()
            .join(','),
      },
    },
  }
}

const namesOf = ({ Names }: ContainerSummary, truncate: boolean): string =>
  Names.map((name) => name.replace(/^\//, ''))
    // A link's name has a slash within.
    .filter((name) => !truncate || !name.includes('/'))
    .join(',')

function imageOf({ Image, ImageID }: ContainerSummary, truncate: boolean): string {
  if (Image === '') return '<no image>'
  if (!truncate) return Image
  if (shortId(ImageID) === shortId(Image)) return shortId(Image)
  try {
    const { domain, path, tag } = parseReference(Image)
    return tag === undefined ? Image : familiar({ domain, path, tag })
  } catch (error) {
    if (error instanceof EngineError) return Image
    throw error
  }
}

function sizeOf({ SizeRw = 0, SizeRootFs = 0 }: ContainerSummary): string {
  const own = humanSize(SizeRw)
  return SizeRootFs > 0 ? `${own} (virtual ${humanSize(SizeRootFs)})` : own
}

export const labelsOf = (labels: Readonly<Record<string, string>> | null | undefined): string =>
  Object.entries(labels ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join(',')
