import type { ContainerInspect } from '../../client/types.ts'
import { exactly, ExitError, type Command, type Invocation } from '../../kit/command.ts'
import { DEFAULT_DETACH_KEYS } from '../../codec/detach-keys.ts'
import { exitCode } from '../../kit/exit-code.ts'
import { flag } from '../../kit/flags.ts'
import { streamHijacked } from '../../kit/stream/attach-streams.ts'
import { followTerminal } from '../../kit/stream/follow-terminal.ts'
import { proxySignals } from '../../kit/stream/proxy-signals.ts'
import { detachKeysFlag } from './create-flags.ts'
import { requireTerminal } from '../../kit/stream/require-terminal.ts'

export const attach: Command = {
  usage: '[OPTIONS] CONTAINER',
  summary: 'Attach local standard input, output, and error streams to a running container',
  args: exactly(1),
  flags: [
    detachKeysFlag,
    flag('--no-stdin', 'bool', 'Do not attach STDIN'),
    flag('--sig-proxy', 'bool', 'Proxy all received signals to the process', { initial: 'true' }),
  ],
  async run(invocation) {
    const { flags, args, client, host, out, err, signal, life } = invocation
    const name = args[0] ?? ''
    const { result } = await client.containers.wait(name, undefined, life)
    const { Id: id, Config: config } = await attachable(invocation, name)
    const tty = config.Tty === true
    const stdin = !flags.bool('no-stdin') && config.OpenStdin === true
    requireTerminal(host, !flags.bool('no-stdin'), tty)
    const keys = flags.given('detach-keys')
    const releases: (() => void)[] = []
    if (flags.bool('sig-proxy') && !tty) releases.push(proxySignals(invocation, id))
    try {
      const hijacked = await client.containers.attach(
        id,
        { stdin, stdout: true, stderr: true, ...(keys !== undefined && { detachKeys: keys }) },
        signal,
      )
      // It may have stopped meanwhile, and then nothing would end the stream.
      await attachable(invocation, id)
      if (tty && host.tty[1]) {
        // Another size first, so that a shell draws its prompt again.
        const { rows, cols } = host.size()
        await client.containers
          .resize(id, { rows: rows + 1, cols: cols + 1 })
          .catch(() => undefined)
        releases.push(followTerminal(host, err, (size) => client.containers.resize(id, size)))
      }
      const detachKeys = keys ?? DEFAULT_DETACH_KEYS
      await streamHijacked({ host, hijacked, tty, stdin, out, err, detachKeys, signal })
    } finally {
      for (const release of releases) release()
    }
    return exitCode(invocation, result)
  },
}

async function attachable({ client, signal }: Invocation, name: string): Promise<ContainerInspect> {
  const container = await client.containers.inspect(name, signal)
  const { State: state } = container
  if (!state.Running)
    throw new ExitError(1, 'You cannot attach to a stopped container, start it first')
  if (state.Paused)
    throw new ExitError(1, 'You cannot attach to a paused container, unpause it first')
  if (state.Restarting)
    throw new ExitError(1, 'You cannot attach to a restarting container, wait until it is running')
  return container
}
