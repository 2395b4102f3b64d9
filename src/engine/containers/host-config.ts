import type { CompleteHostConfig, HostConfig } from '../../core/host-config.ts'
import { given, type Nullable } from './config.ts'

const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]

const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

const defaultShmSize = 64 * 1024 * 1024

/** HostConfig with Docker's defaults, in Docker's order of members. */
export function completeHostConfig(
  body: Nullable<HostConfig> | null | undefined,
): CompleteHostConfig {
  const own = given(body)
  const policy = own.RestartPolicy
  const privileged = own.Privileged ?? false
  const { Memory: memory = 0, MemorySwap: swap = 0 } = own
  const defaults: CompleteHostConfig & Readonly<Record<string, unknown>> = {
    Binds: null,
    ContainerIDFile: '',
    LogConfig: { Type: 'json-file', Config: {} },
    NetworkMode: 'bridge',
    PortBindings: {},
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    AutoRemove: false,
    VolumeDriver: '',
    VolumesFrom: null,
    ConsoleSize: [0, 0],
    CapAdd: null,
    CapDrop: null,
    CgroupnsMode: privileged ? 'host' : 'private',
    Dns: [],
    DnsOptions: [],
    DnsSearch: [],
    ExtraHosts: null,
    GroupAdd: null,
    IpcMode: 'private',
    Cgroup: '',
    Links: null,
    OomScoreAdj: 0,
    PidMode: '',
    Privileged: privileged,
    PublishAllPorts: false,
    ReadonlyRootfs: false,
    SecurityOpt: null,
    UTSMode: '',
    UsernsMode: '',
    ShmSize: defaultShmSize,
    Runtime: 'runc',
    Isolation: '',
    CpuShares: 0,
    Memory: memory,
    NanoCpus: 0,
    CgroupParent: '',
    BlkioWeight: 0,
    BlkioWeightDevice: [],
    BlkioDeviceReadBps: [],
    BlkioDeviceWriteBps: [],
    BlkioDeviceReadIOps: [],
    BlkioDeviceWriteIOps: [],
    CpuPeriod: 0,
    CpuQuota: 0,
    CpuRealtimePeriod: 0,
    CpuRealtimeRuntime: 0,
    CpusetCpus: '',
    CpusetMems: '',
    Devices: [],
    DeviceCgroupRules: null,
    DeviceRequests: null,
    MemoryReservation: 0,
    MemorySwap: 0,
    MemorySwappiness: null,
    OomKillDisable: false,
    PidsLimit: null,
    Ulimits: [],
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
    MaskedPaths: privileged ? null : maskedPaths,
    ReadonlyPaths: privileged ? null : readonlyPaths,
  }
  const merged = { ...defaults, ...own }
  return {
    ...merged,
    NetworkMode: !own.NetworkMode || own.NetworkMode === 'default' ? 'bridge' : own.NetworkMode,
    RestartPolicy: {
      Name: policy?.Name || 'no',
      MaximumRetryCount: policy?.MaximumRetryCount ?? 0,
    },
    LogConfig: {
      Type: own.LogConfig?.Type || 'json-file',
      Config: own.LogConfig?.Config ?? {},
    },
    CgroupnsMode: own.CgroupnsMode || defaults.CgroupnsMode,
    IpcMode: own.IpcMode || defaults.IpcMode,
    ShmSize: own.ShmSize || defaultShmSize,
    Runtime: own.Runtime || 'runc',
    // Docker's rule: as much swap as memory.
    MemorySwap: memory > 0 && swap === 0 ? memory * 2 : swap,
    PidsLimit: own.PidsLimit === undefined || own.PidsLimit === 0 ? null : own.PidsLimit,
  }
}
