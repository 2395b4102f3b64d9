import { exactly, type Command } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { attachRunning } from '../../kit/stream/attach-running.ts'
import { detachKeysFlag } from './create-flags.ts'

export const attach: Command = {
  usage: '[OPTIONS] CONTAINER',
  summary: 'Attach local standard input, output, and error streams to a running container',
  args: exactly(1),
  flags: [
    detachKeysFlag,
    flag('--no-stdin', 'bool', 'Do not attach STDIN'),
    flag('--sig-proxy', 'bool', 'Proxy all received signals to the process', { initial: 'true' }),
  ],
  run(invocation) {
    const { flags, args } = invocation
    return attachRunning(invocation, args[0] ?? '', {
      stdin: !flags.bool('no-stdin'),
      detachKeys: flags.given('detach-keys'),
      proxySignals: flags.bool('sig-proxy'),
    })
  },
}
