import { atLeast } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { attachRunning } from '../../kit/stream/attach-running.ts'
import type { ComposeCommand } from '../compose-command.ts'
import { runningContainer } from '../converge/observed.ts'

export const attach: ComposeCommand = {
  usage: '[OPTIONS] SERVICE',
  summary:
    "Attach local standard input, output, and error streams to a service's running container",
  args: atLeast(1),
  flags: [
    flag('--detach-keys', 'string', 'Override the key sequence for detaching from a container.'),
    flag('--index', 'int', 'index of the container if service has multiple replicas.', {
      initial: '0',
    }),
    flag('--no-stdin', 'bool', 'Do not attach STDIN'),
    flag('--sig-proxy', 'bool', 'Proxy all received signals to the process', { initial: 'true' }),
  ],
  async run(invocation) {
    const { args, client, flags, project, signal } = invocation
    const { name } = await project()
    const index = flags.number('index')
    const { Id } = await runningContainer(client, name, args[0] ?? '', index, signal)
    return attachRunning(invocation, Id, {
      stdin: !flags.bool('no-stdin'),
      detachKeys: flags.given('detach-keys'),
      proxySignals: flags.bool('sig-proxy'),
    })
  },
}
