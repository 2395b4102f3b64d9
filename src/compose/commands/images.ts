import type { ContainerSummary } from '../../client/types.ts'
import type { ImageInspect } from '../../core/engine-api.ts'
import { EngineError } from '../../core/error.ts'
import { familiarName, parseReference, withDefaultTag } from '../../core/reference.ts'
import { shortId } from '../../core/short-id.ts'
import { atLeast, ExitError } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { ago, humanSize } from '../../kit/human.ts'
import { alignTabs } from '../../kit/tabwriter.ts'
import type { ComposeCommand, ComposeInvocation } from '../compose-command.ts'
import { nameOf, observe, serviceOf } from '../converge/observed.ts'

interface Row {
  readonly ID: string
  readonly ContainerName: string
  readonly Repository: string
  readonly Tag: string
  readonly Platform: string
  readonly Size: number
  readonly LastTagTime: string
}

export const images: ComposeCommand = {
  usage: '[OPTIONS] [SERVICE...]',
  summary: 'List images used by the created containers',
  args: atLeast(0),
  flags: [
    flag('--format', 'string', 'Format the output. Values: [table | json]', { initial: 'table' }),
    flag('-q, --quiet', 'bool', 'Only display IDs'),
  ],
  async run(invocation) {
    const { flags, out } = invocation
    const rows = await imageRows(invocation)
    const format = flags.text('format')
    if (flags.bool('quiet')) {
      const ids = new Set(rows.map(({ ID }) => ID.slice(ID.indexOf(':') + 1)))
      await out.write([...ids].map((id) => `${id}\n`).join(''))
    } else if (format === 'json') {
      // Go's encoder ends a line, and its printer one more; an empty list is nil.
      await out.write(`${rows.length === 0 ? 'null' : JSON.stringify(rows)}\n\n`)
    } else if (['table', 'pretty', ''].includes(format.toLowerCase())) await out.write(table(rows))
    else
      throw new ExitError(
        1,
        `format value ${JSON.stringify(format)} could not be parsed: parsing failed`,
      )
    return 0
  },
}

async function imageRows({
  args,
  client,
  project,
  signal,
}: ComposeInvocation): Promise<readonly Row[]> {
  const { name } = await project()
  const containers = await observe(client, name, { oneOff: true }, signal)
  const rows = await Promise.all(
    containers
      .filter((container) => args.length === 0 || args.includes(serviceOf(container)))
      .map(async (container) =>
        rowOf(container, (await client.images.inspectRaw(container.Image, signal)) as ImageInspect),
      ),
  )
  return rows.toSorted((left, right) => (left.ContainerName < right.ContainerName ? -1 : 1))
}

function rowOf(container: ContainerSummary, image: ImageInspect): Row {
  const { Id, Os, Architecture, Variant = '', Size, Created, Metadata } = image
  return {
    ID: Id,
    ContainerName: nameOf(container),
    ...repositoryOf(container.Image),
    Platform: [Os, Architecture, ...(Variant === '' ? [] : [Variant])].join('/'),
    Size,
    // What has never been tagged has year 1.
    LastTagTime: Metadata.LastTagTime.startsWith('0001-') ? Created : Metadata.LastTagTime,
  }
}

/** Nothing of what is no name, such as an ID. */
function repositoryOf(image: string): Pick<Row, 'Repository' | 'Tag'> {
  try {
    const reference = withDefaultTag(parseReference(image))
    const { tag = '', digest } = reference
    return { Repository: familiarName(reference), Tag: digest === undefined ? tag : '' }
  } catch (error) {
    if (error instanceof EngineError) return { Repository: '', Tag: '' }
    throw error
  }
}

const none = (text: string): string => (text === '' ? '<none>' : text)

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ ID, ContainerName, Repository, Tag, Platform, Size, LastTagTime }) =>
    [
      ContainerName,
      none(Repository),
      none(Tag),
      Platform,
      shortId(ID),
      humanSize(Size),
      ago(Date.parse(LastTagTime) / 1000),
    ].join('\t'),
  )
  const header = 'CONTAINER\tREPOSITORY\tTAG\tPLATFORM\tIMAGE ID\tSIZE\tCREATED'
  return alignTabs(`${[header, ...lines].join('\n')}\n`, 20)
}
