import type { ResourceUpdate } from '../../core/guest-protocol.ts'
import type { RuntimeSpec } from '../../core/runtime-spec.ts'
import type { CompleteResources } from '../../core/host-config.ts'

type SpecResources = NonNullable<RuntimeSpec['linux']['resources']>

const defaultPeriod = 100_000

/** Microseconds a period; undefined: no limit. */
function quotaOf(resources: CompleteResources): { quota: number; period: number } | undefined {
  if (resources.NanoCpus > 0) {
    return { quota: Math.round((resources.NanoCpus * defaultPeriod) / 1e9), period: defaultPeriod }
  }
  if (resources.CpuQuota <= 0) return undefined
  return { quota: resources.CpuQuota, period: resources.CpuPeriod || defaultPeriod }
}

/** As runtime-spec says it. */
export function specResources(resources: CompleteResources): SpecResources {
  const { Memory: limit, MemoryReservation: reservation, MemorySwap: swap } = resources
  const quota = quotaOf(resources)
  const { CpuShares: shares, PidsLimit: pids } = resources
  return {
    ...(limit > 0 || reservation > 0
      ? {
          memory: {
            ...(limit > 0 ? { limit } : {}),
            ...(reservation > 0 ? { reservation } : {}),
            ...(swap === 0 ? {} : { swap }),
          },
        }
      : {}),
    ...(quota || shares > 0 ? { cpu: { ...(shares > 0 ? { shares } : {}), ...quota } } : {}),
    ...(pids !== null && pids > 0 ? { pids: { limit: pids } } : {}),
  }
}

/** As cgroup v2 says it, for a running container. */
export function cgroupUpdate(resources: CompleteResources): ResourceUpdate {
  const { Memory: memory, MemorySwap: swap, CpuShares: shares, PidsLimit: pids } = resources
  const quota = quotaOf(resources)
  return {
    memoryMax: memory > 0 ? memory : 'max',
    memorySwapMax: memory > 0 && swap >= memory ? swap - memory : 'max',
    memoryLow: resources.MemoryReservation,
    cpuMax: quota ? `${quota.quota} ${quota.period}` : `max ${defaultPeriod}`,
    // The usual mapping of shares (2 to 262144, 1024 by default) to weights (1 to 10000).
    cpuWeight: shares > 0 ? Math.floor(1 + ((shares - 2) * 9999) / 262_142) : 100,
    pidsMax: pids !== null && pids > 0 ? pids : 'max',
  }
}
