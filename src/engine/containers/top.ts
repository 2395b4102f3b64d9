import { EngineError } from '../../core/error.ts'
import type { Containers } from './containers.ts'
import type { Container } from './container.ts'

type Row = Readonly<Record<string, string | number>>

/** What `ps` prints in a column, and the name of the value. */
const columns: Readonly<Record<string, readonly [title: string, key: string]>> = {
  user: ['USER', 'user'],
  uid: ['UID', 'uid'],
  pid: ['PID', 'pid'],
  ppid: ['PPID', 'ppid'],
  c: ['C', 'c'],
  stime: ['STIME', 'startTime'],
  start: ['START', 'startTime'],
  tty: ['TTY', 'tty'],
  tt: ['TT', 'tty'],
  time: ['TIME', 'time'],
  cmd: ['CMD', 'command'],
  command: ['COMMAND', 'command'],
  args: ['COMMAND', 'command'],
  comm: ['COMMAND', 'comm'],
}

const full = ['uid', 'pid', 'ppid', 'c', 'stime', 'tty', 'time', 'cmd']
const byUser = ['user', 'pid', 'tty', 'start', 'time', 'command']

/**
 * The processes of a container as `ps` of the host would print them.
 * @param args of ps: `-ef`, `aux` or `-o` with names of columns
 * @throws EngineError `conflict` when it doesn't run, `invalid-parameter` for arguments it can't do
 */
export async function topContainer(
  containers: Containers,
  container: Container,
  args: string,
): Promise<{ readonly Titles: readonly string[]; readonly Processes: readonly string[][] }> {
  container.requireRunning()
  const wanted = wantedColumns(args.trim()).map((name) => {
    const column = columns[name.toLowerCase()]
    if (column) return column
    throw new EngineError(
      'invalid-parameter',
      `Error running ps: unknown user-defined format specifier "${name}"`,
    )
  })
  const rows: readonly Row[] = await containers.context.machine.top(container.id)
  return {
    Titles: wanted.map(([title]) => title),
    Processes: rows.map((row) => wanted.map(([, key]) => cell(row, key))),
  }
}

function wantedColumns(args: string): readonly string[] {
  const format = /(?:^|\s)-?[a-zA-Z]*o\s*([\w,]+(?:\s*,\s*\w+)*)/.exec(args)
  if (format) return (format[1] ?? '').split(/[\s,]+/)
  if (args === '' || /^-?e?-?[ef]+$/.test(args)) return full
  if (/^-?a?u?x?$/.test(args)) return byUser
  throw new EngineError(
    'internal',
    `ps: error: this engine knows the arguments -ef, aux and -o, not "${args}"`,
  )
}

function cell(row: Row, key: string): string {
  const value = row[key]
  switch (key) {
    case 'user':
    case 'uid':
      return String(row['user'] ?? row['uid'] ?? '')
    case 'startTime':
      return typeof value === 'number' ? clockTime(value) : (value ?? '?')
    case 'time':
      return typeof value === 'number' ? duration(value) : (value ?? '?')
    case 'comm':
      return (
        String(row['command'] ?? '')
          .split(' ', 1)[0]
          ?.replace(/^.*\//, '') ?? ''
      )
    case 'c':
      return String(value ?? 0)
    default:
      return String(value ?? '?')
  }
}

/** Seconds since 1970 as `16:06`, UTC. */
const clockTime = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(11, 16)

/** Seconds as `00:01:02`. */
const duration = (seconds: number): string =>
  [seconds / 3600, (seconds / 60) % 60, seconds % 60]
    .map((part) => String(Math.floor(part)).padStart(2, '0'))
    .join(':')
