import { isNotFound } from '../../client/client-error.ts'
import type { StopOptions } from '../../client/containers.ts'
import {
  atLeast,
  exactly,
  ExitError,
  messageOf,
  type Command,
  type Invocation,
} from '../../kit/command.ts'
import { flag, type Flag } from '../../kit/flags.ts'
import { eachOperand } from '../../kit/operands.ts'

/** Commands that do one thing to each container and print its name. */

const CONTAINERS = 'CONTAINER [CONTAINER...]'

const stopFlags: readonly Flag[] = [
  flag('-s, --signal', 'string', 'Signal to send to the container'),
  flag('-t, --timeout', 'int', 'Seconds to wait before killing the container'),
  flag('--time', 'int', 'Seconds to wait before killing the container', {
    hidden: true,
    alias: 'timeout',
  }),
]

function stopOptions({ flags }: Invocation): StopOptions {
  const signal = flags.given('signal')
  return {
    ...(flags.has('timeout') && { timeout: flags.number('timeout') }),
    ...(signal !== undefined && { signal }),
  }
}

export const stop: Command = {
  usage: `[OPTIONS] ${CONTAINERS}`,
  summary: 'Stop one or more running containers',
  args: atLeast(1),
  flags: stopFlags,
  run: (invocation) =>
    eachOperand(invocation, invocation.args, async (name) => {
      await invocation.client.containers.stop(name, stopOptions(invocation), invocation.signal)
      return name
    }),
}

export const restart: Command = {
  usage: `[OPTIONS] ${CONTAINERS}`,
  summary: 'Restart one or more containers',
  args: atLeast(1),
  flags: stopFlags,
  run: (invocation) =>
    eachOperand(invocation, invocation.args, async (name) => {
      await invocation.client.containers.restart(name, stopOptions(invocation), invocation.signal)
      return name
    }),
}

export const kill: Command = {
  usage: `[OPTIONS] ${CONTAINERS}`,
  summary: 'Kill one or more running containers',
  args: atLeast(1),
  flags: [flag('-s, --signal', 'string', 'Signal to send to the container')],
  run: (invocation) =>
    eachOperand(invocation, invocation.args, async (name) => {
      await invocation.client.containers.kill(
        name,
        invocation.flags.given('signal'),
        invocation.signal,
      )
      return name
    }),
}

export const pause: Command = {
  usage: CONTAINERS,
  summary: 'Pause all processes within one or more containers',
  args: atLeast(1),
  run: (invocation) =>
    eachOperand(invocation, invocation.args, async (name) => {
      await invocation.client.containers.pause(name, invocation.signal)
      return name
    }),
}

export const unpause: Command = {
  usage: CONTAINERS,
  summary: 'Unpause all processes within one or more containers',
  args: atLeast(1),
  run: (invocation) =>
    eachOperand(invocation, invocation.args, async (name) => {
      await invocation.client.containers.unpause(name, invocation.signal)
      return name
    }),
}

export const wait: Command = {
  usage: CONTAINERS,
  summary: 'Block until one or more containers stop, then print their exit codes',
  args: atLeast(1),
  run: (invocation) =>
    eachOperand(invocation, invocation.args, async (name) => {
      const { result } = await invocation.client.containers.wait(name, undefined, invocation.signal)
      return String((await result).StatusCode)
    }),
}

export const remove: Command = {
  usage: `[OPTIONS] ${CONTAINERS}`,
  summary: 'Remove one or more containers',
  args: atLeast(1),
  flags: [
    flag('-f, --force', 'bool', 'Force the removal of a running container (uses SIGKILL)'),
    flag('-l, --link', 'bool', 'Remove the specified link'),
    flag('-v, --volumes', 'bool', 'Remove anonymous volumes associated with the container'),
  ],
  run(invocation) {
    const { flags, client, signal } = invocation
    const force = flags.bool('force')
    return eachOperand(
      invocation,
      invocation.args,
      async (operand) => {
        const name = operand.replace(/^\/+|\/+$/g, '')
        if (name === '') throw new ExitError(1, 'Container name cannot be empty')
        await client.containers.remove(
          name,
          { force, v: flags.bool('volumes'), link: flags.bool('link') },
          signal,
        )
        return operand
      },
      (error) => force && isNotFound(error),
    )
  },
}

export const rename: Command = {
  usage: 'CONTAINER NEW_NAME',
  summary: 'Rename a container',
  args: exactly(2),
  async run({ args, client, err, signal }) {
    const [from = '', to = ''] = args.map((name) => name.trim())
    if (from === '' || to === '')
      throw new ExitError(1, 'Error: Neither old nor new names may be empty')
    try {
      await client.containers.rename(from, to, signal)
    } catch (error) {
      await err.line(messageOf(error))
      throw new ExitError(1, `Error: failed to rename container named ${from}`, { cause: error })
    }
    return 0
  },
}
