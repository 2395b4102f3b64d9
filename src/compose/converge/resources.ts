import type * as engine from '../../core/host-config.ts'
import type { Ulimit } from '../build-config.ts'
import type { DeviceRequest } from '../deploy-config.ts'
import type { BlkioConfig, ServiceConfig } from '../service.ts'

/** A service's limits; those of `deploy` win over the older keys. */
export function resources(service: ServiceConfig): engine.HostConfig {
  const { limits, reservations } = service.deploy?.resources ?? {}
  const cpus = limits?.cpus ?? service.cpus
  const memory = limits?.memory ?? service.mem_limit
  const reservation = reservations?.memory ?? service.mem_reservation
  const pids = limits?.pids ?? service.pids_limit
  const requests = [
    ...(reservations?.devices ?? []).map((request) => deviceRequest(request, [])),
    ...(service.gpus ?? []).map((request) => deviceRequest(request, ['gpu'])),
  ]
  return {
    OomKillDisable: service.oom_kill_disable === true,
    ...(service.cgroup_parent !== undefined && { CgroupParent: service.cgroup_parent }),
    ...(memory !== undefined && { Memory: Number(memory) }),
    ...(service.memswap_limit !== undefined && { MemorySwap: Number(service.memswap_limit) }),
    ...(service.mem_swappiness !== undefined && {
      MemorySwappiness: Number(service.mem_swappiness),
    }),
    ...(reservation !== undefined && { MemoryReservation: Number(reservation) }),
    ...(cpus !== undefined && { NanoCpus: Math.round(cpus * 1e9) }),
    ...(pids !== undefined && { PidsLimit: pids }),
    ...(service.cpu_period !== undefined && { CpuPeriod: service.cpu_period }),
    ...(service.cpu_quota !== undefined && { CpuQuota: service.cpu_quota }),
    ...(service.cpu_rt_period !== undefined && { CpuRealtimePeriod: service.cpu_rt_period }),
    ...(service.cpu_rt_runtime !== undefined && { CpuRealtimeRuntime: service.cpu_rt_runtime }),
    ...(service.cpu_shares !== undefined && { CpuShares: service.cpu_shares }),
    ...(service.cpuset !== undefined && { CpusetCpus: service.cpuset }),
    ...(service.device_cgroup_rules && { DeviceCgroupRules: service.device_cgroup_rules }),
    ...(service.devices && { Devices: service.devices.map(device) }),
    ...(requests.length > 0 && { DeviceRequests: requests }),
    ...(service.ulimits && { Ulimits: Object.entries(service.ulimits).map(ulimitOf) }),
    ...(service.blkio_config && blkio(service.blkio_config)),
  }
}

const device = ({
  source,
  target,
  permissions,
}: NonNullable<ServiceConfig['devices']>[number]): engine.DeviceMapping => ({
  ...(source !== undefined && { PathOnHost: source }),
  ...(target !== undefined && { PathInContainer: target }),
  ...(permissions !== undefined && { CgroupPermissions: permissions }),
})

const deviceRequest = (request: DeviceRequest, more: readonly string[]): engine.DeviceRequest => ({
  Driver: request.driver ?? '',
  Count: request.count ?? 0,
  DeviceIDs: request.device_ids ?? null,
  Capabilities: [[...(request.capabilities ?? []), ...more]],
  Options: request.options ?? null,
})

export function ulimitOf([Name, limit]: [string, Ulimit]): engine.Ulimit {
  if (typeof limit === 'number') return { Name, Hard: limit, Soft: limit }
  return { Name, Hard: limit.hard ?? 0, Soft: limit.soft ?? 0 }
}

type Throttles = NonNullable<BlkioConfig['device_read_bps']>

const rates = (devices: Throttles = []): readonly object[] =>
  devices.map(({ Path, Rate }) => ({ Path, Rate: Number(Rate) }))

const blkio = (config: BlkioConfig): object => ({
  BlkioWeight: config.weight ?? 0,
  BlkioWeightDevice: config.weight_device ?? [],
  BlkioDeviceReadBps: rates(config.device_read_bps),
  BlkioDeviceReadIOps: rates(config.device_read_iops),
  BlkioDeviceWriteBps: rates(config.device_write_bps),
  BlkioDeviceWriteIOps: rates(config.device_write_iops),
})
