import type { ImageSummary } from '../../core/engine-api.ts'
import { familiarName, parseReference } from '../../core/reference.ts'
import { EngineError } from '../../core/error.ts'
import { shortId } from '../../core/short-id.ts'
import { atMost, type Command } from '../../kit/command.ts'
import { labelsOf } from '../container/list.ts'
import { filtersOf } from '../../kit/flag-values.ts'
import { flag } from '../../kit/flags.ts'
import { ago, goTime, humanSize } from '../../kit/human.ts'
import { formatList, listFormatFlag, type ListFormat } from '../../kit/list-format.ts'

export const list: Command = {
  usage: '[OPTIONS] [REPOSITORY[:TAG]]',
  summary: 'List images',
  args: atMost(1),
  flags: [
    flag('-a, --all', 'bool', 'Show all images (default hides intermediate images)'),
    flag('--digests', 'bool', 'Show digests'),
    flag('-f, --filter', 'filter', 'Filter output based on conditions provided'),
    listFormatFlag,
    flag('--no-trunc', 'bool', "Don't truncate output"),
    flag('-q, --quiet', 'bool', 'Only show image IDs'),
  ],
  async run({ flags, args, client, out, signal }) {
    const filters = filtersOf(flags.list('filter'))
    if (args[0] !== undefined) filters['reference'] = [...(filters['reference'] ?? []), args[0]]
    const images = await client.images.list({ all: flags.bool('all'), filters }, signal)
    const digests = flags.bool('digests')
    const shape = imageFormat(!flags.bool('no-trunc'))
    await out.write(
      formatList(
        images.flatMap((image) => rowsOf(image, digests)),
        shape,
        {
          format: flags.text('format'),
          quiet: flags.bool('quiet'),
          table: digests ? shape.table.replace('{{.ID}}', '{{.Digest}}\t{{.ID}}') : shape.table,
        },
      ),
    )
    return 0
  },
}

/** An image by one of its names. */
interface ImageRow {
  readonly image: ImageSummary
  readonly repository: string
  readonly tag: string
  readonly digest: string
}

const NONE = '<none>'

/** A row per tag; with digests, a row per tag and digest. */
export function rowsOf(image: ImageSummary, digests: boolean): ImageRow[] {
  const tags = named(image.RepoTags, ({ tag }) => tag)
  const digestsOf = named(image.RepoDigests, ({ digest }) => digest)
  const rows: ImageRow[] = []
  for (const [repository, list] of tags) {
    const known = digests ? (digestsOf.get(repository) ?? []) : []
    digestsOf.delete(repository)
    for (const tag of list) {
      for (const digest of known.length > 0 ? known : [NONE])
        rows.push({ image, repository, tag, digest })
    }
  }
  for (const [repository, list] of digestsOf) {
    for (const digest of digests ? list : [NONE])
      rows.push({ image, repository, tag: NONE, digest })
  }
  return rows.length > 0 ? rows : [{ image, repository: NONE, tag: NONE, digest: NONE }]
}

function named(
  references: readonly string[] | null,
  part: (reference: ReturnType<typeof parseReference>) => string | undefined,
): Map<string, string[]> {
  const names = new Map<string, string[]>()
  for (const text of references ?? []) {
    try {
      const reference = parseReference(text)
      const value = part(reference)
      if (value === undefined) continue
      const name = familiarName(reference)
      names.set(name, [...(names.get(name) ?? []), value])
    } catch (error) {
      // `<none>:<none>` is no reference.
      if (!(error instanceof EngineError)) throw error
    }
  }
  return names
}

const countOf = (count: number): string => (count < 0 ? 'N/A' : String(count))
const sizeOf = (bytes: number): string => (bytes < 0 ? 'N/A' : humanSize(bytes))

export function imageFormat(truncate: boolean): ListFormat<ImageRow> {
  return {
    rowType: '*formatter.imageContext',
    table:
      '{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}\t{{.Size}}',
    quiet: '{{.ID}}',
    fields: {
      ID: { header: 'IMAGE ID', value: ({ image }) => (truncate ? shortId(image.Id) : image.Id) },
      Repository: { header: 'REPOSITORY', value: ({ repository }) => repository },
      Tag: { header: 'TAG', value: ({ tag }) => tag },
      Digest: { header: 'DIGEST', value: ({ digest }) => digest },
      CreatedSince: {
        header: 'CREATED',
        value: ({ image }) => (image.Created <= 0 ? '' : ago(image.Created)),
      },
      CreatedAt: { header: 'CREATED AT', value: ({ image }) => goTime(image.Created) },
      Size: { header: 'SIZE', value: ({ image }) => humanSize(image.Size) },
      Containers: { header: 'CONTAINERS', value: ({ image }) => countOf(image.Containers) },
      VirtualSize: { header: 'SIZE', value: ({ image }) => humanSize(image.Size, 4) },
      SharedSize: { header: 'SHARED SIZE', value: ({ image }) => sizeOf(image.SharedSize) },
      UniqueSize: {
        header: 'UNIQUE SIZE',
        value: ({ image }) =>
          image.SharedSize < 0 ? 'N/A' : humanSize(image.Size - image.SharedSize),
      },
      Labels: {
        header: 'LABELS',
        value:
          ({ image }) =>
          () =>
            labelsOf(image.Labels),
      },
    },
  }
}
