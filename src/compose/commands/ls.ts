import { noArguments } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { alignTabs } from '../../kit/tabwriter.ts'
import type { ComposeCommand } from '../compose-command.ts'
import { CONFIG_FILES, PROJECT } from '../converge/labels.ts'

export const ls: ComposeCommand = {
  usage: '[OPTIONS]',
  summary: 'List running compose projects',
  args: noArguments,
  flags: [
    flag('-a, --all', 'bool', 'Show all stopped Compose projects'),
    flag('--format', 'string', 'Format the output. Values: [table | json]', { initial: 'table' }),
    flag('-q, --quiet', 'bool', 'Only display project names'),
  ],
  async run({ client, flags, out, signal }) {
    const all = flags.bool('all')
    const containers = await client.containers.list({ all, filters: { label: [PROJECT] } }, signal)
    const projects = new Map<string, { states: string[]; files: string }>()
    for (const { Labels, State } of containers) {
      const name = Labels?.[PROJECT] ?? ''
      const known = projects.get(name) ?? { states: [], files: Labels?.[CONFIG_FILES] ?? 'N/A' }
      known.states.push(State)
      projects.set(name, known)
    }
    const rows = [...projects]
      .map(([Name, { states, files }]) => ({ Name, Status: statusOf(states), ConfigFiles: files }))
      .toSorted((left, right) => (left.Name < right.Name ? -1 : 1))
    if (flags.bool('quiet')) await out.write(rows.map(({ Name }) => `${Name}\n`).join(''))
    else if (flags.text('format') === 'json') await out.line(JSON.stringify(rows))
    else {
      const lines = rows.map(
        ({ Name, Status, ConfigFiles }) => `${Name}\t${Status}\t${ConfigFiles}\n`,
      )
      await out.write(alignTabs(`NAME\tSTATUS\tCONFIG FILES\n${lines.join('')}`, 20, 3))
    }
    return 0
  },
}

/** `exited(1), running(2)` */
function statusOf(states: readonly string[]): string {
  const kinds = [...new Set(states)].toSorted()
  return kinds
    .map((kind) => `${kind}(${states.filter((state) => state === kind).length})`)
    .join(', ')
}
