import { shortId } from '../../core/short-id.ts'
import type { Stats } from '../../client/types.ts'
import { atLeast, ExitError, messageOf, type Command, type Invocation } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { binarySize, humanSize } from '../../kit/human.ts'
import { formatList, listFormatFlag, type ListFormat } from '../../kit/list-format.ts'

/** How often the terminal is drawn, in milliseconds. */
const INTERVAL = 500

export const stats: Command = {
  usage: '[OPTIONS] [CONTAINER...]',
  summary: 'Display a live stream of container(s) resource usage statistics',
  args: atLeast(0),
  flags: [
    flag('-a, --all', 'bool', 'Show all containers (default shows just running)'),
    listFormatFlag,
    flag('--no-stream', 'bool', 'Disable streaming stats and only pull the first result'),
    flag('--no-trunc', 'bool', 'Do not truncate output'),
  ],
  async run(invocation) {
    const { flags, out } = invocation
    const format = flags.text('format')
    const shape = statsFormat(!flags.bool('no-trunc'))
    const names = await namesOf(invocation)
    if (flags.bool('no-stream')) {
      const rows = await Promise.all(names.map((name) => sample(invocation, name)))
      await out.write(formatList(rows, shape, { format }))
      return 0
    }
    return follow(invocation, names, (rows) => formatList(rows, shape, { format }))
  },
}

/** A container with its latest sample; none of a container that doesn't run. */
interface Row {
  readonly container: string
  readonly stats: Stats | undefined
}

async function namesOf({ flags, args, client, signal }: Invocation): Promise<string[]> {
  if (args.length > 0) return [...args]
  return (await client.containers.list({ all: flags.bool('all') }, signal)).map(({ Id }) => Id)
}

async function sample({ client, signal }: Invocation, container: string): Promise<Row> {
  const reader = (await client.containers.stats(container, false, signal)).getReader()
  const { value } = await reader.read()
  await reader.cancel()
  return { container, stats: value }
}

async function follow(
  invocation: Invocation,
  names: readonly string[],
  show: (rows: readonly Row[]) => string,
): Promise<number> {
  const { client, args, out, signal } = invocation
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
      if (args.length > 0) failures.push(error)
    })
  }
  for (const name of names) begin(name)
  // Without names, containers come and go.
  if (args.length === 0) {
    const events = await client.system.events(
      {
        since: undefined,
        until: undefined,
        filters: { type: ['container'], event: ['start', 'die', 'destroy'] },
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

const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort)
      resolve()
    }, milliseconds)
    const abort = (): void => {
      clearTimeout(timer)
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', abort, { once: true })
  })

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
