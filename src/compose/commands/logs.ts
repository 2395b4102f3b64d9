import { atLeast } from '../../kit/command.ts'
import { timestampOf } from '../../kit/flag-values.ts'
import { flag } from '../../kit/flags.ts'
import type { ComposeCommand } from '../compose-command.ts'
import { nameOf, numberOf, observe, serviceOf } from '../converge/observed.ts'
import { copyLog } from '../follow-logs.ts'
import { LogOutput } from '../log-output.ts'

const relative = 'timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)'

export const logs: ComposeCommand = {
  usage: '[OPTIONS] [SERVICE...]',
  summary: 'View output from containers',
  args: atLeast(0),
  flags: [
    flag('-f, --follow', 'bool', 'Follow log output'),
    flag('--index', 'int', 'index of the container if service has multiple replicas', {
      initial: '0',
    }),
    flag('--no-color', 'bool', 'Produce monochrome output'),
    flag('--no-log-prefix', 'bool', "Don't print prefix in logs"),
    flag('--since', 'string', `Show logs since ${relative}`),
    flag(
      '-n, --tail',
      'string',
      'Number of lines to show from the end of the logs for each container',
      {
        initial: 'all',
      },
    ),
    flag('-t, --timestamps', 'bool', 'Show timestamps'),
    flag('--until', 'string', `Show logs before a ${relative}`),
  ],
  async run({ flags, args, client, out, err, color, project, signal }) {
    const target = await project()
    for (const name of args)
      if (!(name in target.services)) throw new Error(`no such service: ${name}`)
    const index = flags.number('index')
    const containers = (await observe(client, target.name, { all: true }, signal))
      .filter((container) => args.length === 0 || args.includes(serviceOf(container)))
      .filter((container) => index === 0 || numberOf(container) === index)
      .map((container) => ({
        id: container.Id,
        name: shownName(target.name, nameOf(container)),
      }))
      .toSorted((left, right) => (left.name < right.name ? -1 : 1))
    const output = new LogOutput(out, err, {
      color: color && !flags.bool('no-color'),
      prefix: !flags.bool('no-log-prefix'),
    })
    const time = (name: string): string | undefined =>
      flags.has(name) ? timestampOf(name, flags.text(name), Date.now()) : undefined
    const since = time('since')
    const until = time('until')
    const options = {
      stdout: true,
      stderr: true,
      follow: flags.bool('follow'),
      timestamps: flags.bool('timestamps'),
      tail: flags.text('tail'),
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
    }
    for (const { name } of containers) output.register(name)
    await Promise.all(
      containers.map((container) => copyLog(client, container, options, output, signal)),
    )
    return 0
  },
}

/** `web-1` of `project-web-1`; a name of the file's own is whole. */
export const shownName = (project: string, name: string): string =>
  name.startsWith(`${project}-`) ? name.slice(project.length + 1) : name
