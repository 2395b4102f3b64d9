import { exactly, ExitError, type Command } from '../../kit/command.ts'

export const diff: Command = {
  usage: 'CONTAINER',
  summary: "Inspect changes to files or directories on a container's filesystem",
  args: exactly(1),
  async run({ args, client, out, signal }) {
    const [name = ''] = args
    if (name === '') throw new ExitError(1, 'Container name cannot be empty')
    const changes = (await client.containers.changes(name, signal)) ?? []
    for (const { Kind, Path } of changes) await out.line(`${'CAD'[Kind] ?? '?'} ${Path}`)
    return 0
  },
}
