import { exactly, type Command } from '../../kit/command.ts'
import { timestampOf } from '../../kit/flag-values.ts'
import { flag } from '../../kit/flags.ts'
import { copyStdcopy } from '../../kit/stream/attach-streams.ts'

const relative = 'timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'

export const logs: Command = {
  usage: '[OPTIONS] CONTAINER',
  summary: 'Fetch the logs of a container',
  args: exactly(1),
  flags: [
    flag('--details', 'bool', 'Show extra details provided to logs'),
    flag('-f, --follow', 'bool', 'Follow log output'),
    flag('--since', 'string', `Show logs since ${relative}`),
    flag('-n, --tail', 'string', 'Number of lines to show from the end of the logs', {
      initial: 'all',
    }),
    flag('-t, --timestamps', 'bool', 'Show timestamps'),
    flag('--until', 'string', `Show logs before a ${relative}`),
  ],
  async run({ flags, args, client, out, err, signal }) {
    const container = await client.containers.inspect(args[0] ?? '', signal)
    const time = (name: string): string | undefined =>
      flags.has(name) ? timestampOf(name, flags.text(name), Date.now()) : undefined
    const since = time('since')
    const until = time('until')
    const body = await client.containers.logs(
      container.Id,
      {
        stdout: true,
        stderr: true,
        follow: flags.bool('follow'),
        timestamps: flags.bool('timestamps'),
        details: flags.bool('details'),
        tail: flags.text('tail'),
        ...(since !== undefined && { since }),
        ...(until !== undefined && { until }),
      },
      signal,
    )
    if (container.Config.Tty === true) for await (const bytes of body) await out.bytes(bytes)
    else await copyStdcopy(body, out, err)
    return 0
  },
}
