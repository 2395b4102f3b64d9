import { atLeast, ExitError, type Command } from '../kit/command.ts'
import { flag, FlagError, parseFlags, type Parsed } from '../kit/flags.ts'
import { commandHelp, groupHelp } from '../kit/help.ts'
import { attach } from './commands/attach.ts'
import { build } from './commands/build.ts'
import { config } from './commands/config.ts'
import { copy } from './commands/copy.ts'
import { create } from './commands/create.ts'
import { down } from './commands/down.ts'
import { events } from './commands/events.ts'
import { exec } from './commands/exec.ts'
import { images } from './commands/images.ts'
import * as lifecycle from './commands/lifecycle.ts'
import { logs } from './commands/logs.ts'
import { ls } from './commands/ls.ts'
import { port } from './commands/port.ts'
import { ps } from './commands/ps.ts'
import { pull } from './commands/pull.ts'
import { push } from './commands/push.ts'
import { rm } from './commands/rm.ts'
import { run } from './commands/run.ts'
import { scale } from './commands/scale.ts'
import { stats } from './commands/stats.ts'
import { top } from './commands/top.ts'
import { up } from './commands/up.ts'
import { version } from './commands/version.ts'
import { wait } from './commands/wait.ts'
import { watch } from './commands/watch.ts'
import type { ComposeCommand } from './compose-command.ts'
import { composeInvocation } from './compose-invocation.ts'

const commands: Readonly<Record<string, ComposeCommand>> = {
  attach,
  build,
  config,
  cp: copy,
  create,
  down,
  events,
  exec,
  images,
  kill: lifecycle.kill,
  logs,
  ls,
  pause: lifecycle.pause,
  port,
  ps,
  pull,
  push,
  restart: lifecycle.restart,
  rm,
  run,
  scale,
  start: lifecycle.start,
  stats,
  stop: lifecycle.stop,
  top,
  unpause: lifecycle.unpause,
  up,
  version,
  wait,
  watch,
}

const SUMMARY = 'Define and run multi-container applications with Docker'

/** `docker compose`: its own options, then a verb. */
export const compose: Command = {
  usage: '[OPTIONS] COMMAND',
  summary: SUMMARY,
  args: atLeast(0),
  interspersed: false,
  flags: [
    flag('--all-resources', 'bool', 'Include all resources, even those not used by services'),
    flag(
      '--ansi',
      'string',
      'Control when to print ANSI control characters ("never"|"always"|"auto")',
      {
        initial: 'auto',
      },
    ),
    flag('--env-file', 'list', 'Specify an alternate environment file'),
    flag('-f, --file', 'list', 'Compose configuration files'),
    flag('--profile', 'list', 'Specify a profile to enable'),
    flag('--progress', 'string', 'Set type of progress output (auto, tty, plain, json, quiet)', {
      initial: 'auto',
    }),
    flag('--project-directory', 'string', 'Specify an alternate working directory'),
    flag('-p, --project-name', 'string', 'Project name'),
  ],
  async run(invocation) {
    const { args, err, host, out } = invocation
    const [name, ...rest] = args
    if (name === undefined) {
      const entries = Object.entries(commands).map(
        ([verb, { summary }]): readonly [string, string] => [verb, summary],
      )
      await err.write(groupHelp('docker compose', SUMMARY, entries))
      return 0
    }
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined
    if (!command) throw new ExitError(1, `unknown docker command: "compose ${name}"`)
    const parsed = parse(command, rest)
    if (parsed.help || parsed.shortHelp) {
      const columns = host.tty[0] ? host.size().cols : 0
      const shown = { ...command, run: () => Promise.resolve(0) }
      await out.write(commandHelp(`docker compose ${name}`, shown, [], columns > 0 ? columns : 80))
      return 0
    }
    const { min, max } = command.args
    const count = parsed.args.length
    if (count < min)
      throw new ExitError(1, `requires at least ${min} arg(s), only received ${count}`)
    if (count > max)
      throw new ExitError(
        1,
        `unknown command "${parsed.args[0] ?? ''}" for "docker compose ${name}"`,
      )
    return command.run(composeInvocation(invocation, parsed))
  },
}

function parse({ flags = [], interspersed }: ComposeCommand, rest: readonly string[]): Parsed {
  try {
    return parseFlags(flags, rest, interspersed !== false)
  } catch (cause) {
    if (!(cause instanceof FlagError)) throw cause
    throw new ExitError(1, cause.message, { cause })
  }
}
