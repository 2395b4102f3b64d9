import type { DockerClient } from '../client/client.ts'
import type { Stats } from '../client/types.ts'
import { shortId } from '../core/short-id.ts'
import { ExitError, messageOf } from './command.ts'
import { flag, type Flag, type Flags } from './flags.ts'
import { binarySize, humanSize } from './human.ts'
import { formatList, listFormatFlag, type ListFormat } from './list-format.ts'
import { pause } from './pause.ts'
import type { TextOutput } from './text-output.ts'

/** How often the terminal is drawn, in milliseconds. */
const INTERVAL = 500

export const statsFlags: readonly Flag[] = [
  flag('-a, --all', 'bool', 'Show all containers (default shows just running)'),
  listFormatFlag,
  flag('--no-stream', 'bool', 'Disable streaming stats and only pull the first result'),
  flag('--no-trunc', 'bool', 'Do not truncate output'),
]

/** What `statsFlags` gave, and where it goes; an Invocation is one. */
export interface StatsParties {
  readonly client: DockerClient
  readonly flags: Flags
  readonly out: TextOutput
  readonly signal: AbortSignal
}

/** The containers that were named; when none was, those that match, as they come and go. */
export interface StatsChoice {
  readonly names?: readonly string[]
  readonly label?: readonly string[]
}

/** A table of what containers use, once or until the signal (cli/command/container/stats.go, RunStats). */
export async function showStats(parties: StatsParties, choice: StatsChoice): Promise<number> {
  const { flags, out } = parties
  const format = flags.text('format')
  const shape = statsFormat(!flags.bool('no-trunc'))
  const names = await namesOf(parties, choice)
  if (!flags.bool('no-stream'))
    return follow(parties, choice, names, (rows) => formatList(rows, shape, { format }))
  const rows = await Promise.all(names.map((name) => sample(parties, name)))
  await out.write(formatList(rows, shape, { format }))
  return 0
}

/** A container with its latest sample; none of a container that doesn't run. */
interface Row {
  readonly container: string
  readonly stats: Stats | undefined
}

async function namesOf(
  { flags, client, signal }: StatsParties,
  { names, label = [] }: StatsChoice,
): Promise<readonly string[]> {
  if (names) return names
  const found = await client.containers.list({ all: flags.bool('all'), filters: { label } }, signal)
  return found.map(({ Id }) => Id)
}

async function sample({ client, signal }: StatsParties, container: string): Promise<Row> {
  const reader = (await client.containers.stats(container, false, signal)).getReader()
  const { value } = await reader.read()
  await reader.cancel()
  return { container, stats: value }
}

async function follow(
  { client, out, signal }: StatsParties,
  choice: StatsChoice,
  names: readonly string[],
  show: (rows: readonly Row[]) => string,
): Promise<number> {
  const latest = new Map<string, Stats | undefined>()
  const watch = async (name: string): Promise<void> => {
    latest.set(name, undefined)
    for await (const value of await client.containers.stats(name, true, signal))
      latest.set(name, value)
  }
  const failures: unknown[] = []
  const begin = (name: string): void => {
    watch(name).catch((error: unknown) => {
      // One that was named must be there; of the others, some go before they are asked.
      if (choice.names) failures.push(error)
    })
  }
  for (const name of names) begin(name)
  // Without names, containers come and go.
  if (!choice.names) {
    const events = await client.system.events(
      {
        since: undefined,
        until: undefined,
        filters: {
          type: ['container'],
          event: ['start', 'die', 'destroy'],
          label: choice.label ?? [],
        },
      },
      signal,
    )
    const track = async (): Promise<void> => {
      for await (const { Action, Actor } of events) {
        if (Action === 'start') begin(Actor.ID)
        else latest.delete(Actor.ID)
      }
    }
    track().catch(() => undefined)
  }
  for (;;) {
    const text = show([...latest].map(([container, value]) => ({ container, stats: value })))
    // From the top, each line to its end, and nothing of what was longer before.
    await out.write(`\u001B[H${text.replaceAll('\n', '\u001B[K\n')}\u001B[J`)
    await pause(INTERVAL, signal)
    if (failures.length > 0) throw new ExitError(1, messageOf(failures[0]), { cause: failures[0] })
  }
}

const percent = (value: number): string => `${value.toFixed(2)}%`

function cpu({ cpu_stats: now, precpu_stats: before }: Stats): number {
  const used = now.cpu_usage.total_usage - (before.cpu_usage.total_usage ?? 0)
  const system = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0)
  const cpus = now.online_cpus ?? now.cpu_usage.percpu_usage?.length ?? 1
  return system > 0 && used > 0 ? (used / system) * cpus * 100 : 0
}

/** What may be dropped is not counted: the inactive part of the page cache. */
function memory({ memory_stats: { usage = 0, stats = {} } }: Stats): number {
  const inactive = stats['total_inactive_file'] ?? stats['inactive_file'] ?? 0
  return inactive < usage ? usage - inactive : usage
}

const pair = (left: number, right: number, size: (bytes: number) => string): string =>
  `${size(left)} / ${size(right)}`

function statsFormat(truncate: boolean): ListFormat<Row> {
  const field = (
    header: string,
    value: (stats: Stats) => string,
    none = '--',
  ): ListFormat<Row>['fields'][string] => ({
    header,
    value: ({ stats }) => (stats === undefined ? none : value(stats)),
  })
  const io = (op: string, { blkio_stats }: Stats): number =>
    (blkio_stats?.io_service_bytes_recursive ?? [])
      .filter((entry) => entry.op.toLowerCase() === op)
      .reduce((total, { value }) => total + value, 0)
  const network = (direction: 'rx_bytes' | 'tx_bytes', { networks }: Stats): number =>
    Object.values(networks ?? {}).reduce((total, counters) => total + counters[direction], 0)
  return {
    rowType: '*container.statsContext',
    table:
      '{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}',
    fields: {
      Container: { header: 'CONTAINER', value: ({ container }) => container },
      ID: {
        header: 'CONTAINER ID',
        value: ({ container, stats }) =>
          truncate ? shortId(stats?.id ?? container) : (stats?.id ?? container),
      },
      Name: field('NAME', ({ name = '' }) => name.replace(/^\//, '')),
      CPUPerc: field('CPU %', (stats) => percent(cpu(stats))),
      MemUsage: field(
        'MEM USAGE / LIMIT',
        (stats) => pair(memory(stats), stats.memory_stats.limit ?? 0, binarySize),
        '-- / --',
      ),
      MemPerc: field('MEM %', (stats) => {
        const { limit = 0 } = stats.memory_stats
        return percent(limit === 0 ? 0 : (memory(stats) / limit) * 100)
      }),
      NetIO: field('NET I/O', (stats) =>
        pair(network('rx_bytes', stats), network('tx_bytes', stats), humanSize),
      ),
      BlockIO: field('BLOCK I/O', (stats) =>
        pair(io('read', stats), io('write', stats), humanSize),
      ),
      PIDs: field('PIDS', ({ pids_stats }) => String(pids_stats?.current ?? 0)),
    },
  }
}
