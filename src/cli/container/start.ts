import { atLeast, ExitError, messageOf, type Command, type Invocation } from '../../kit/command.ts'
import { DEFAULT_DETACH_KEYS } from '../../codec/detach-keys.ts'
import { exitCode } from '../../kit/exit-code.ts'
import { flag } from '../../kit/flags.ts'
import { Detached, streamHijacked } from '../../kit/stream/attach-streams.ts'
import { followTerminal } from '../../kit/stream/follow-terminal.ts'
import { proxySignals } from '../../kit/stream/proxy-signals.ts'
import { detachKeysFlag } from './create-flags.ts'

export const start: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Start one or more stopped containers',
  args: atLeast(1),
  flags: [
    flag('-a, --attach', 'bool', 'Attach STDOUT/STDERR and forward signals'),
    flag('--checkpoint', 'string', 'Restore from this checkpoint', { hidden: true }),
    flag('--checkpoint-dir', 'string', 'Use a custom checkpoint storage directory', {
      hidden: true,
    }),
    detachKeysFlag,
    flag('-i, --interactive', 'bool', "Attach container's STDIN"),
    flag('--sig-proxy', 'bool', 'Proxy received signals to the process', {
      initial: 'true',
      hidden: true,
    }),
  ],
  async run(invocation) {
    const { flags, args } = invocation
    if (flags.bool('attach') || flags.bool('interactive')) {
      if (args.length > 1)
        throw new ExitError(1, 'you cannot start and attach multiple containers at once')
      return startAttached(invocation, args[0] ?? '')
    }
    return startAll(invocation)
  },
}

async function startAll({ args, client, out, err, signal }: Invocation): Promise<number> {
  const failures: string[] = []
  for (const name of args) {
    const failure = await client.containers.start(name, {}, signal).then(
      () => undefined,
      (error: unknown) => messageOf(error),
    )
    if (failure === undefined) await out.line(name)
    else {
      await err.line(failure)
      failures.push(name)
    }
  }
  if (failures.length > 0)
    throw new ExitError(1, `Error: failed to start containers: ${failures.join(', ')}`)
  return 0
}

async function startAttached(invocation: Invocation, name: string): Promise<number> {
  const { flags, client, host, out, err, signal, life } = invocation
  const {
    Id: id,
    Config: config,
    HostConfig: hostConfig,
  } = await client.containers.inspect(name, signal)
  const tty = config.Tty === true
  const stdin = flags.bool('interactive') && config.OpenStdin === true
  const keys = flags.given('detach-keys')
  const releases: (() => void)[] = []
  if (flags.bool('sig-proxy') && !tty) releases.push(proxySignals(invocation, id))
  const leave = new AbortController()
  const stay = AbortSignal.any([leave.signal, life])
  try {
    const hijacked = await client.containers.attach(
      id,
      { stdin, stdout: true, stderr: true, ...(keys !== undefined && { detachKeys: keys }) },
      stay,
    )
    const detachKeys = keys ?? DEFAULT_DETACH_KEYS
    const streaming = streamHijacked({
      host,
      hijacked,
      tty,
      stdin,
      out,
      err,
      detachKeys,
      signal: stay,
    })
    streaming.catch(() => undefined)
    const autoRemove = hostConfig.AutoRemove === true
    const { result } = await client.containers.wait(id, autoRemove ? 'removed' : 'next-exit', life)
    try {
      await client.containers.start(id)
    } catch (error) {
      leave.abort(error)
      await streaming.catch(() => undefined)
      if (autoRemove) await result.catch(() => undefined)
      throw error
    }
    if (tty && host.tty[1])
      releases.push(followTerminal(host, err, (size) => client.containers.resize(id, size)))
    await streaming
    return await exitCode(invocation, result)
  } catch (error) {
    if (error instanceof Detached) return 0
    throw error
  } finally {
    leave.abort(new ExitError(0))
    for (const release of releases) release()
  }
}
