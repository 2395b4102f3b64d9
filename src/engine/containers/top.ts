import { EngineError } from '../../core/error.ts'
import type { ContainerSet } from './container-set.ts'
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
  tname: ['TTY', 'tty'],
  time: ['TIME', 'time'],
  cputime: ['TIME', 'time'],
  bsdtime: ['TIME', 'shortTime'],
  '%cpu': ['%CPU', 'processor'],
  pcpu: ['%CPU', 'processor'],
  '%mem': ['%MEM', 'memory'],
  pmem: ['%MEM', 'memory'],
  vsz: ['VSZ', 'virtualBytes'],
  rss: ['RSS', 'residentBytes'],
  stat: ['STAT', 'state'],
  state: ['S', 'shortState'],
  s: ['S', 'shortState'],
  etime: ['ELAPSED', 'elapsed'],
  cmd: ['CMD', 'command'],
  command: ['COMMAND', 'command'],
  args: ['COMMAND', 'command'],
  comm: ['COMMAND', 'comm'],
}

const full = ['uid', 'pid', 'ppid', 'c', 'stime', 'tty', 'time', 'cmd']
const byUser = 'user pid %cpu %mem vsz rss tname stat start bsdtime command'.split(' ')

/**
 * The processes of a container as `ps` of the host would print them.
 * @param args of ps: `-ef`, `aux` or `-o` with names of columns
 * @throws EngineError `conflict` when it doesn't run, `invalid-parameter` for arguments it can't do
 */
export async function topContainer(
  containers: ContainerSet,
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
  // As Docker, which finds a container's processes by it in what the host's ps prints.
  if (!wanted.some(([, key]) => key === 'pid'))
    throw new EngineError('internal', "Couldn't find PID field in ps output")
  const { machine, clock } = containers.context
  const rows: readonly Row[] = await machine.containers.top(container.id)
  const { memoryBytes } = await machine.guest.info()
  const host = { now: clock.now() / 1000, memoryBytes }
  return {
    Titles: wanted.map(([title]) => title),
    Processes: rows.map((row) => wanted.map(([, key]) => cell(row, key, host))),
  }
}

function wantedColumns(args: string): readonly string[] {
  const format = /(?:^|\s)-?[a-zA-Z]*o\s*([\w%,]+(?:\s*,\s*[\w%]+)*)/.exec(args)
  if (format) return (format[1] ?? '').split(/[\s,]+/)
  if (args === '' || /^-?e?-?[ef]+$/.test(args)) return full
  if (/^-?a?u?x?$/.test(args)) return byUser
  throw new EngineError(
    'internal',
    `ps: error: this engine knows the arguments -ef, aux and -o, not "${args}"`,
  )
}

/** What percentages are of: seconds since 1970, the guest's memory. */
interface Host {
  readonly now: number
  readonly memoryBytes: number
}

const numberOf = (row: Row, key: string): number => Number(row[key] ?? 0)

function cell(row: Row, key: string, host: Host): string {
  const value = row[key]
  const age = Math.max(1, host.now - numberOf(row, 'startTime'))
  switch (key) {
    case 'user':
    case 'uid':
      return userName(numberOf(row, 'uid'))
    case 'processor':
      return ((100 * numberOf(row, 'time')) / age).toFixed(1)
    case 'memory':
      return ((100 * numberOf(row, 'residentBytes')) / host.memoryBytes).toFixed(1)
    case 'virtualBytes':
    case 'residentBytes':
      return String(Math.floor(numberOf(row, key) / 1024))
    case 'shortState':
      return String(row['state'] ?? '?').slice(0, 1)
    case 'shortTime':
      return shortDuration(numberOf(row, 'time'))
    case 'elapsed':
      return elapsed(age)
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

/** Names of the guest's own users, as its ps would say them. */
const userName = (id: number): string => (id === 0 ? 'root' : String(id))

const twoDigits = (value: number): string => String(Math.floor(value)).padStart(2, '0')

/** Seconds as `1:02`. */
const shortDuration = (seconds: number): string =>
  `${Math.floor(seconds / 60)}:${twoDigits(seconds % 60)}`

/** Seconds as `[[days-]hours:]minutes:seconds`. */
function elapsed(seconds: number): string {
  const days = Math.floor(seconds / 86_400)
  const hours = Math.floor((seconds % 86_400) / 3600)
  const rest = `${twoDigits((seconds / 60) % 60)}:${twoDigits(seconds % 60)}`
  if (days > 0) return `${days}-${twoDigits(hours)}:${rest}`
  return hours > 0 ? `${twoDigits(hours)}:${rest}` : rest
}

/** Seconds as `00:01:02`. */
const duration = (seconds: number): string =>
  [seconds / 3600, (seconds / 60) % 60, seconds % 60]
    .map((part) => String(Math.floor(part)).padStart(2, '0'))
    .join(':')
