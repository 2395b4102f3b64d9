import { EngineError } from '../../core/error.ts'
import type { HostConfig } from '../../core/host-config.ts'
import type { CreateBody } from './config.ts'
import { checkShape, type Shape } from '../../codec/json-shape.ts'

const texts: Shape = { list: 'string' }
const textByName: Shape = { map: 'string' }
const struct = (name: string, fields: Readonly<Record<string, Shape>>): Shape => ({
  struct: `container.${name}`,
  fields,
})

const healthcheck = struct('HealthConfig', {
  Test: texts,
  Interval: 'int64',
  Timeout: 'int64',
  StartPeriod: 'int64',
  StartInterval: 'int64',
  Retries: 'int',
})

const mount = struct('Mount', {
  Type: 'string',
  Source: 'string',
  Target: 'string',
  ReadOnly: 'bool',
  Consistency: 'string',
  BindOptions: struct('BindOptions', {
    Propagation: 'string',
    NonRecursive: 'bool',
    CreateMountpoint: 'bool',
    ReadOnlyNonRecursive: 'bool',
    ReadOnlyForceRecursive: 'bool',
  }),
  VolumeOptions: struct('VolumeOptions', {
    NoCopy: 'bool',
    Labels: textByName,
    Subpath: 'string',
    DriverConfig: struct('Driver', { Name: 'string', Options: textByName }),
  }),
  TmpfsOptions: struct('TmpfsOptions', { SizeBytes: 'int64', Mode: 'int' }),
})

/** What of HostConfig is checked; its resources are also what `update` takes. */
const hostFields = {
  Binds: texts,
  ContainerIDFile: 'string',
  LogConfig: struct('LogConfig', { Type: 'string', Config: textByName }),
  NetworkMode: 'string',
  PortBindings: {
    map: { list: struct('PortBinding', { HostIp: 'string', HostPort: 'string' }) },
  },
  RestartPolicy: struct('RestartPolicy', { Name: 'string', MaximumRetryCount: 'int' }),
  AutoRemove: 'bool',
  VolumeDriver: 'string',
  VolumesFrom: texts,
  ConsoleSize: { list: 'int' },
  Annotations: textByName,
  CapAdd: texts,
  CapDrop: texts,
  CgroupnsMode: 'string',
  Dns: texts,
  DnsOptions: texts,
  DnsSearch: texts,
  ExtraHosts: texts,
  GroupAdd: texts,
  IpcMode: 'string',
  Links: texts,
  OomScoreAdj: 'int',
  PidMode: 'string',
  Privileged: 'bool',
  PublishAllPorts: 'bool',
  ReadonlyRootfs: 'bool',
  SecurityOpt: texts,
  StorageOpt: textByName,
  Tmpfs: textByName,
  UTSMode: 'string',
  UsernsMode: 'string',
  ShmSize: 'int64',
  Sysctls: textByName,
  Runtime: 'string',
  CpuShares: 'int64',
  Memory: 'int64',
  NanoCpus: 'int64',
  CgroupParent: 'string',
  CpuPeriod: 'int64',
  CpuQuota: 'int64',
  CpusetCpus: 'string',
  CpusetMems: 'string',
  Devices: {
    list: struct('DeviceMapping', {
      PathOnHost: 'string',
      PathInContainer: 'string',
      CgroupPermissions: 'string',
    }),
  },
  DeviceCgroupRules: texts,
  DeviceRequests: {
    list: struct('DeviceRequest', {
      Driver: 'string',
      Count: 'int',
      DeviceIDs: texts,
      Capabilities: { list: texts },
      Options: textByName,
    }),
  },
  MemoryReservation: 'int64',
  MemorySwap: 'int64',
  MemorySwappiness: 'int64',
  OomKillDisable: 'bool',
  PidsLimit: 'int64',
  Ulimits: { list: struct('Ulimit', { Name: 'string', Hard: 'int64', Soft: 'int64' }) },
  Mounts: { list: mount },
  MaskedPaths: texts,
  ReadonlyPaths: texts,
  Init: 'bool',
} as const satisfies { readonly [K in keyof HostConfig]: Shape }

export const hostConfig: Shape = struct('HostConfig', hostFields)

/** Shape of a container's settings in one network. */
export const endpoint: Shape = struct('EndpointSettings', {
  IPAMConfig: struct('EndpointIPAMConfig', {
    IPv4Address: 'string',
    IPv6Address: 'string',
    LinkLocalIPs: texts,
  }),
  Links: texts,
  Aliases: texts,
  MacAddress: 'string',
  DriverOpts: textByName,
  GwPriority: 'int',
})

/** ContainerConfig with its two companions. */
const request = struct('CreateRequest', {
  Hostname: 'string',
  Domainname: 'string',
  User: 'string',
  AttachStdin: 'bool',
  AttachStdout: 'bool',
  AttachStderr: 'bool',
  ExposedPorts: { map: 'object' },
  Tty: 'bool',
  OpenStdin: 'bool',
  StdinOnce: 'bool',
  Env: texts,
  Cmd: texts,
  Healthcheck: healthcheck,
  ArgsEscaped: 'bool',
  Image: 'string',
  Volumes: { map: 'object' },
  WorkingDir: 'string',
  Entrypoint: texts,
  NetworkDisabled: 'bool',
  MacAddress: 'string',
  OnBuild: texts,
  Labels: textByName,
  StopSignal: 'string',
  StopTimeout: 'int',
  Shell: texts,
  HostConfig: hostConfig,
  NetworkingConfig: struct('NetworkingConfig', { EndpointsConfig: { map: endpoint } }),
})

/**
 * The body of `containers/create`, its types checked as Go does. A command may be a mere string, as in Docker.
 * @throws EngineError `invalid-parameter`
 */
export function parseCreateBody(value: unknown): CreateBody {
  const empty = new EngineError(
    'invalid-parameter',
    'config cannot be empty in order to create a container',
  )
  if (value === undefined || value === null) throw empty
  if (typeof value !== 'object' || Array.isArray(value)) checkShape(value, request)
  const body: Record<string, unknown> = { ...value }
  if (Object.keys(body).every((key) => key === 'HostConfig' || key === 'NetworkingConfig')) {
    throw empty
  }
  for (const name of ['Cmd', 'Entrypoint']) {
    if (typeof body[name] === 'string') body[name] = [body[name]]
  }
  checkShape(body, request)
  return body
}
