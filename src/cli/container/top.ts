import { atLeast, type Command } from '../../kit/command.ts'
import { alignTabs } from '../../kit/tabwriter.ts'

export const top: Command = {
  usage: 'CONTAINER [ps OPTIONS]',
  summary: 'Display the running processes of a container',
  args: atLeast(1),
  interspersed: false,
  async run({ args, client, out, signal }) {
    const [name = '', ...psArguments] = args
    const { Titles, Processes } = await client.containers.top(name, psArguments, signal)
    const lines = [Titles, ...(Processes ?? [])].map((cells) => cells.join('\t'))
    await out.write(alignTabs(`${lines.join('\n')}\n`, 20, 3))
    return 0
  },
}
