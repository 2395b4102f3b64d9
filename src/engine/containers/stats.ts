import type { ContainerStats, GuestInfo } from '../../core/guest-protocol.ts'
import type { ContainerSet } from './container-set.ts'
import type { Container } from './container.ts'
import { formatTime, goTime, zeroTime } from './time.ts'

/** Milliseconds between samples, as dockerd's collector. */
const interval = 1000
/** Between the two samples of a single answer: docker's client waits two seconds for it, however busy the machine is. */
const shortInterval = 500

interface Sample {
  readonly time: string
  readonly stats: ContainerStats
}

/**
 * Samples as ContainerStatsResponse; each holds the processor time of the one before.
 * @param options.oneShot a single sample at once, without a previous one
 */
export function statsStream(
  containers: ContainerSet,
  container: Container,
  options: { readonly stream: boolean; readonly oneShot: boolean },
  signal: AbortSignal,
): ReadableStream<unknown> {
  const { clock, machine } = containers.context
  const take = async (): Promise<Sample | undefined> => {
    if (container.state.pid === 0) return undefined
    const stats = await machine.containers.stats(container.id).catch(() => undefined)
    return stats && { time: formatTime(clock.now()), stats }
  }
  const pause = (milliseconds: number): Promise<boolean> =>
    clock.sleep(milliseconds, signal).then(
      () => true,
      () => false,
    )
  let before: Sample | undefined
  let first = true
  return new ReadableStream<unknown>(
    {
      pull: async (controller) => {
        const more = first || (await pause(interval))
        let now = more ? await take() : undefined
        if (first && !options.stream && !options.oneShot && now) {
          before = now
          if (await pause(shortInterval)) now = await take()
        }
        if (!more || (!first && container.record.state.status === 'removing')) {
          controller.close()
          return
        }
        const guest = now && (await machine.guest.info())
        controller.enqueue(shape(container, now, before, guest))
        first = false
        before = now
        if (!options.stream) controller.close()
      },
    },
    { highWaterMark: 0 },
  )
}

function shape(
  container: Container,
  now: Sample | undefined,
  before: Sample | undefined,
  guest: GuestInfo | undefined,
): Readonly<Record<string, unknown>> {
  const cpus = guest?.cpus ?? 0
  return {
    name: `/${container.name}`,
    id: container.id,
    read: now ? goTime(now.time) : zeroTime,
    preread: before ? goTime(before.time) : zeroTime,
    pids_stats: now ? pids(now.stats) : {},
    blkio_stats: blockIo(now?.stats),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: now ? processor(now.stats, cpus) : emptyProcessor,
    precpu_stats: before ? processor(before.stats, cpus) : emptyProcessor,
    memory_stats: now ? memory(now.stats, guest?.memoryBytes ?? 0) : {},
    networks: links(now?.stats),
  }
}

/** Without a limit Docker sends the largest uint64, which no double holds: left out, it reads as 0. */
const pids = ({ pids: { current, max } }: ContainerStats): Readonly<Record<string, number>> => ({
  current,
  ...(max === null ? {} : { limit: max }),
})

const nanoseconds = (microseconds: number | undefined): number => (microseconds ?? 0) * 1000

const processor = (
  { cpu, systemCpuUsec }: ContainerStats,
  cpus: number,
): Readonly<Record<string, unknown>> => ({
  cpu_usage: {
    total_usage: nanoseconds(cpu['usage_usec']),
    usage_in_kernelmode: nanoseconds(cpu['system_usec']),
    usage_in_usermode: nanoseconds(cpu['user_usec']),
  },
  system_cpu_usage: nanoseconds(systemCpuUsec),
  online_cpus: cpus,
  throttling_data: {
    periods: cpu['nr_periods'] ?? 0,
    throttled_periods: cpu['nr_throttled'] ?? 0,
    throttled_time: nanoseconds(cpu['throttled_usec']),
  },
})

const emptyProcessor = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
} as const

const links = (stats: ContainerStats | undefined): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(stats?.networks ?? {}).map(([name, link]) => [
      name,
      {
        rx_bytes: link.rxBytes,
        rx_packets: link.rxPackets,
        rx_errors: link.rxErrors,
        rx_dropped: link.rxDropped,
        tx_bytes: link.txBytes,
        tx_packets: link.txPackets,
        tx_errors: link.txErrors,
        tx_dropped: link.txDropped,
      },
    ]),
  )

/** Without a limit, all the guest has. */
const memory = ({ memory: { current, max, stat } }: ContainerStats, total: number): unknown => ({
  usage: current,
  stats: stat,
  limit: max ?? total,
})

const blockIo = (stats: ContainerStats | undefined): unknown => ({
  io_service_bytes_recursive: stats
    ? [
        { major: 0, minor: 0, op: 'read', value: stats.io.readBytes },
        { major: 0, minor: 0, op: 'write', value: stats.io.writeBytes },
      ]
    : null,
  io_serviced_recursive: null,
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
})
