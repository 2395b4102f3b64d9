import { goJson } from '../codec/go-template/print.ts'
import { isNotFound } from '../client/client-error.ts'
import { atLeast, ExitError, messageOf, type Command, type Invocation } from '../kit/command.ts'
import { flag } from '../kit/flags.ts'
import { objectFormatFlag } from '../kit/list-format.ts'
import { objectTemplate } from '../kit/object-template.ts'

type Find = (invocation: Invocation, name: string) => Promise<unknown>

const finders: Readonly<Record<string, Find>> = {
  container: ({ client, flags, signal }, name) =>
    client.containers.inspectRaw(name, flags.bool('size'), signal),
  image: ({ client, signal }, name) => client.images.inspectRaw(name, signal),
  network: ({ client, signal }, name) => client.networks.inspectRaw(name, false, signal),
  volume: ({ client, signal }, name) => client.volumes.inspectRaw(name, signal),
}

export const inspect: Command = {
  usage: '[OPTIONS] NAME|ID [NAME|ID...]',
  summary: 'Return low-level information on Docker objects',
  args: atLeast(1),
  flags: [
    objectFormatFlag(),
    flag('-s, --size', 'bool', 'Display total file sizes if the type is container'),
    flag('--type', 'string', 'Only inspect objects of the given type'),
  ],
  run(invocation) {
    const type = invocation.flags.text('type')
    const chosen = type === '' ? Object.values(finders) : [finders[type]]
    if (invocation.flags.has('type') && type === '') {
      throw new ExitError(
        1,
        'type is empty: must be one of "config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"',
      )
    }
    if (chosen[0] === undefined) {
      throw new ExitError(
        1,
        `unknown type: ${JSON.stringify(type)}: must be one of "config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"`,
      )
    }
    return inspectAll(invocation, async (name) => {
      for (const find of chosen) {
        try {
          return await find?.(invocation, name)
        } catch (error) {
          if (!isNotFound(error) || type !== '') throw error
        }
      }
      throw new ExitError(1, `Error: No such object: ${name}`)
    })
  },
}

/**
 * Print what was found of each operand, and what was not.
 * @throws ExitError 1 with the failures
 */
export async function inspectAll(
  invocation: Invocation,
  find: (name: string) => Promise<unknown>,
): Promise<number> {
  const { args, out, flags } = invocation
  const format = flags.text('format')
  const show = format === '' || format === 'json' ? undefined : objectTemplate(format)
  const found: unknown[] = []
  const failures: string[] = []
  let text = ''
  for (const name of args) {
    try {
      const value = await find(name)
      found.push(value)
      if (show) text += `${show(value)}\n`
    } catch (error) {
      failures.push(messageOf(error))
    }
  }
  if (show) await out.write(text === '' ? '\n' : text)
  else if (format === 'json') await out.line(goJson(found))
  else await out.line(goJson(found, '    '))
  if (failures.length > 0) throw new ExitError(1, failures.join('\n'))
  return 0
}
