import { atLeast } from '../../kit/command.ts'
import { alignTabs } from '../../kit/tabwriter.ts'
import type { ComposeCommand } from '../compose-command.ts'
import { CONTAINER_NUMBER } from '../converge/labels.ts'
import { nameOf, observe, serviceOf } from '../converge/observed.ts'

export const top: ComposeCommand = {
  usage: '[SERVICES...]',
  summary: 'Display the running processes',
  args: atLeast(0),
  async run({ args, client, out, project, signal }) {
    const { name } = await project()
    const containers = (await observe(client, name, { oneOff: true, all: false }, signal))
      .filter((container) => args.length === 0 || args.includes(serviceOf(container)))
      .toSorted((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1))
    const processes = await Promise.all(
      containers.map(async (container) => {
        const { Titles, Processes } = await client.containers.top(container.Id, [], signal)
        const own: [string, string][] = [
          ['SERVICE', serviceOf(container)],
          ['#', container.Labels?.[CONTAINER_NUMBER] ?? ''],
        ]
        return (Processes ?? []).map(
          (cells) =>
            new Map([...own, ...Titles.map((title, at) => [title, cells[at] ?? ''] as const)]),
        )
      }),
    )
    await out.write(processTable(processes.flat()))
    return 0
  },
}

/** Every title that a container's `ps` has; the command comes last. Nothing of no process. */
function processTable(rows: readonly ReadonlyMap<string, string>[]): string {
  if (rows.length === 0) return ''
  const titles = new Set(rows.flatMap((row) => [...row.keys()]))
  if (titles.delete('CMD')) titles.add('CMD')
  const lines = rows.map((row) => [...titles].map((title) => row.get(title) ?? '-').join('\t'))
  return alignTabs(`${[[...titles].join('\t'), ...lines].join('\n')}\n`, 4, 2)
}
