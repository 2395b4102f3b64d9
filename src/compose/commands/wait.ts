import { atLeast, ExitError } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import type { ComposeCommand } from '../compose-command.ts'
import { down } from '../converge/down.ts'
import { observe, serviceOf } from '../converge/observed.ts'

export const wait: ComposeCommand = {
  usage: 'SERVICE [SERVICE...] [OPTIONS]',
  summary: 'Block until containers of all (or specified) services stop.',
  args: atLeast(1),
  flags: [flag('--down-project', 'bool', 'Drops project when the first container stops')],
  async run({ args, client, flags, out, project, signal, withProgress }) {
    const target = await project()
    const running = await observe(client, target.name, { oneOff: true, all: false }, signal)
    const containers = running.filter((container) => args.includes(serviceOf(container)))
    if (containers.length === 0)
      throw new ExitError(1, `no containers for project ${JSON.stringify(target.name)}`)
    // The last to end gives the code.
    let code = 0
    await Promise.all(
      containers.map(async ({ Id }) => {
        const { result } = await client.containers.wait(Id, undefined, signal)
        const { StatusCode } = await result
        code = StatusCode
        await out.line(`container ${JSON.stringify(Id)} exited with status code ${StatusCode}`)
      }),
    )
    if (flags.bool('down-project')) {
      await withProgress('Running', (session) =>
        down(session, target, {
          services: [],
          removeOrphans: true,
          volumes: false,
          images: undefined,
        }),
      )
    }
    return code
  },
}
