import { atLeast, type Command } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { inspectAll } from '../inspect.ts'
import { objectFormatFlag } from '../../kit/list-format.ts'

export const inspect: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Display detailed information on one or more containers',
  args: atLeast(1),
  flags: [objectFormatFlag(), flag('-s, --size', 'bool', 'Display total file sizes')],
  run: (invocation) =>
    inspectAll(invocation, (name) =>
      invocation.client.containers.inspectRaw(
        name,
        invocation.flags.bool('size'),
        invocation.signal,
      ),
    ),
}
