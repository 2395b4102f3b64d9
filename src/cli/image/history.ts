import type { ImageHistoryItem } from '../../core/engine-api.ts'
import { shortId } from '../../core/short-id.ts'
import { exactly, type Command } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { ago, ellipsis, humanSize } from '../../kit/human.ts'
import { formatList, listFormatFlag, type ListFormat } from '../../kit/list-format.ts'

export const history: Command = {
  usage: '[OPTIONS] IMAGE',
  summary: 'Show the history of an image',
  args: exactly(1),
  flags: [
    listFormatFlag,
    flag('-H, --human', 'bool', 'Print sizes and dates in human readable format', {
      initial: 'true',
    }),
    flag('--no-trunc', 'bool', "Don't truncate output"),
    flag(
      '--platform',
      'string',
      'Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    ),
    flag('-q, --quiet', 'bool', 'Only show image IDs'),
  ],
  async run({ flags, args, client, out, signal }) {
    const items = await client.images.history(args[0] ?? '', signal)
    const shape = historyFormat(!flags.bool('no-trunc'), flags.bool('human'))
    await out.write(
      formatList(items, shape, { format: flags.text('format'), quiet: flags.bool('quiet') }),
    )
    return 0
  },
}

function historyFormat(truncate: boolean, human: boolean): ListFormat<ImageHistoryItem> {
  const at = ({ Created }: ImageHistoryItem): string =>
    `${new Date(Created * 1000).toISOString().slice(0, 19)}Z`
  return {
    rowType: '*image.historyContext',
    table: '{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}',
    quiet: '{{.ID}}',
    fields: {
      ID: { header: 'IMAGE', value: ({ Id }) => (truncate ? shortId(Id) : Id) },
      CreatedAt: { header: 'CREATED AT', value: at },
      CreatedSince: {
        header: human ? 'CREATED' : 'CREATED AT',
        value: (item) => (human ? (item.Created <= 0 ? 'N/A' : ago(item.Created)) : at(item)),
      },
      CreatedBy: {
        header: 'CREATED BY',
        value: ({ CreatedBy }) => {
          const text = CreatedBy.replaceAll('\t', ' ')
          return truncate ? ellipsis(text, 45) : text
        },
      },
      Size: { header: 'SIZE', value: ({ Size }) => (human ? humanSize(Size) : String(Size)) },
      Comment: { header: 'COMMENT', value: ({ Comment }) => Comment },
    },
  }
}
