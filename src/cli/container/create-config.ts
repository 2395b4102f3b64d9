import type { ContainerCreateRequest } from '../../core/engine-api.ts'
import type { HostConfig } from '../../core/host-config.ts'
import { textOf } from '../../client/api-client.ts'
import type { CliHost } from '../../ports/cli-host.ts'
import type { Flags } from '../../kit/flags.ts'
import { pathFrom } from '../../kit/paths.ts'
import {
  parseDevice,
  parseMount,
  parsePorts,
  parseRestartPolicy,
  parseUlimit,
} from '../../kit/create-values.ts'
import { healthcheckOf } from './healthcheck.ts'
import { environment, mapOf, readLines } from '../../kit/key-values.ts'
import { networksOf } from './network-options.ts'

/**
 * The request for a container out of a command line (docker/cli container/opts.go, parse).
 * What wasn't given isn't sent: the engine fills it in.
 * @throws Error in Docker's words
 */
export async function createRequest(
  flags: Flags,
  args: readonly string[],
  host: CliHost,
): Promise<ContainerCreateRequest> {
  const [image = '', ...command] = args
  const attach = flags.list('attach')
  const stdin = flags.bool('interactive')
  const tty = flags.bool('tty')
  const swappiness = flags.number('memory-swappiness')
  if (swappiness !== -1 && (swappiness < 0 || swappiness > 100)) {
    throw new Error(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`)
  }
  const { binds, anonymous } = volumesOf(flags.list('volume'), host)
  const { exposed, bindings } = parsePorts(flags.list('publish'), flags.list('expose'))
  const labels = [
    ...(await readLines(host, flags.list('label-file'), 'label')),
    ...flags.list('label'),
  ]
  const stopTimeout = flags.given('stop-timeout')
  const healthcheck = healthcheckOf(flags)
  const { mode, endpoints } = networksOf(flags)
  const entrypoint = flags.given('entrypoint')
  const attachStdin = attach.includes('stdin') || (attach.length === 0 && stdin)

  return {
    Hostname: flags.text('hostname'),
    Domainname: flags.text('domainname'),
    User: flags.text('user'),
    AttachStdin: attachStdin,
    AttachStdout: attach.length === 0 || attach.includes('stdout'),
    AttachStderr: attach.length === 0 || attach.includes('stderr'),
    Tty: tty,
    OpenStdin: stdin,
    StdinOnce: stdin && attachStdin,
    Env: await environment(host, flags.list('env-file'), flags.list('env')),
    ...(command.length > 0 && { Cmd: command }),
    Image: image,
    ...(Object.keys(exposed).length > 0 && { ExposedPorts: exposed }),
    Volumes: anonymous,
    WorkingDir: flags.text('workdir'),
    // An empty one takes the image's away.
    ...(entrypoint !== undefined && { Entrypoint: [entrypoint] }),
    Labels: mapOf(labels),
    ...(flags.has('mac-address') && { MacAddress: flags.text('mac-address') }),
    ...(flags.has('stop-signal') && { StopSignal: flags.text('stop-signal') }),
    ...(stopTimeout !== undefined && { StopTimeout: Number(stopTimeout) }),
    ...(healthcheck && { Healthcheck: healthcheck }),
    HostConfig: {
      ...(await hostConfig(flags, host)),
      Binds: binds,
      PortBindings: bindings,
      NetworkMode: mode,
      ConsoleSize: tty && host.tty[1] ? [host.size().rows, host.size().cols] : [0, 0],
    },
    NetworkingConfig: { EndpointsConfig: endpoints },
  }
}

async function hostConfig(flags: Flags, host: CliHost): Promise<HostConfig> {
  const restart = parseRestartPolicy(flags.text('restart'))
  if (
    flags.bool('rm') &&
    restart.Name !== undefined &&
    restart.Name !== 'no' &&
    restart.Name !== ''
  ) {
    throw new Error('conflicting options: cannot specify both --restart and --rm')
  }
  const driver = flags.text('log-driver')
  const logOptions = flags.list('log-opt')
  if (driver === 'none' && logOptions.length > 0) {
    throw new Error(`invalid logging opts for driver ${driver}`)
  }
  const security = await securityOptions(flags.list('security-opt'), host)
  return {
    ...resources(flags),
    ContainerIDFile: flags.text('cidfile'),
    LogConfig: { Type: driver, Config: mapOf(logOptions) },
    RestartPolicy: restart,
    AutoRemove: flags.bool('rm'),
    ...given(flags, 'volume-driver', (VolumeDriver) => ({ VolumeDriver })),
    ...many(flags, 'volumes-from', (VolumesFrom) => ({ VolumesFrom })),
    ...many(flags, 'mount', (mounts) => ({ Mounts: mounts.map(parseMount) })),
    ...many(flags, 'annotation', (pairs) => ({ Annotations: mapOf(pairs) })),
    ...many(flags, 'cap-add', (CapAdd) => ({ CapAdd })),
    ...many(flags, 'cap-drop', (CapDrop) => ({ CapDrop })),
    ...given(flags, 'cgroupns', (CgroupnsMode) => ({ CgroupnsMode })),
    ...many(flags, 'dns', (Dns) => ({ Dns })),
    ...many(flags, 'dns-option', (DnsOptions) => ({ DnsOptions })),
    ...many(flags, 'dns-search', (DnsSearch) => ({ DnsSearch })),
    ...many(flags, 'add-host', (hosts) => ({
      ExtraHosts: hosts.map((entry) => entry.replace('=', ':')),
    })),
    ...many(flags, 'group-add', (GroupAdd) => ({ GroupAdd })),
    ...given(flags, 'ipc', (IpcMode) => ({ IpcMode })),
    ...many(flags, 'link', (Links) => ({ Links })),
    ...given(flags, 'oom-score-adj', (value) => ({ OomScoreAdj: Number(value) })),
    ...given(flags, 'pid', (PidMode) => ({ PidMode })),
    Privileged: flags.bool('privileged'),
    PublishAllPorts: flags.bool('publish-all'),
    ReadonlyRootfs: flags.bool('read-only'),
    ...security,
    ...many(flags, 'storage-opt', (pairs) => ({ StorageOpt: mapOf(pairs) })),
    ...many(flags, 'tmpfs', (mounts) => ({ Tmpfs: Object.fromEntries(mounts.map(tmpfsOf)) })),
    ...given(flags, 'uts', (UTSMode) => ({ UTSMode })),
    ...given(flags, 'userns', (UsernsMode) => ({ UsernsMode })),
    ...(flags.has('shm-size') && { ShmSize: flags.number('shm-size') }),
    ...many(flags, 'sysctl', (pairs) => ({ Sysctls: mapOf(pairs) })),
    ...given(flags, 'runtime', (Runtime) => ({ Runtime })),
    ...given(flags, 'isolation', (Isolation) => ({ Isolation })),
    ...(flags.has('init') && { Init: flags.bool('init') }),
  }
}

/** Limits, which `docker update` can change as well. */
function resources(flags: Flags): HostConfig {
  const number = (name: string): number | undefined =>
    flags.has(name) ? flags.number(name) : undefined
  const values = {
    CgroupParent: flags.given('cgroup-parent'),
    CpuShares: number('cpu-shares'),
    NanoCpus: number('cpus'),
    CpuPeriod: number('cpu-period'),
    CpuQuota: number('cpu-quota'),
    CpuRealtimePeriod: number('cpu-rt-period'),
    CpuRealtimeRuntime: number('cpu-rt-runtime'),
    CpusetCpus: flags.given('cpuset-cpus'),
    CpusetMems: flags.given('cpuset-mems'),
    Memory: number('memory'),
    MemoryReservation: number('memory-reservation'),
    MemorySwap: number('memory-swap'),
    MemorySwappiness: number('memory-swappiness'),
    OomKillDisable: flags.has('oom-kill-disable') ? flags.bool('oom-kill-disable') : undefined,
    PidsLimit: number('pids-limit'),
    BlkioWeight: number('blkio-weight'),
    Ulimits: flags.has('ulimit') ? flags.list('ulimit').map(parseUlimit) : undefined,
    Devices: flags.has('device') ? flags.list('device').map(parseDevice) : undefined,
    DeviceCgroupRules: flags.has('device-cgroup-rule')
      ? flags.list('device-cgroup-rule')
      : undefined,
    DeviceRequests: flags.has('gpus')
      ? [
          {
            Driver: '',
            Count: flags.text('gpus') === 'all' ? -1 : Number(flags.text('gpus')),
            Capabilities: [['gpu']],
          },
        ]
      : undefined,
  }
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

const given = (flags: Flags, name: string, field: (value: string) => HostConfig): HostConfig =>
  flags.has(name) ? field(flags.text(name)) : {}

const many = (
  flags: Flags,
  name: string,
  field: (values: readonly string[]) => HostConfig,
): HostConfig => (flags.has(name) ? field(flags.list(name)) : {})

function tmpfsOf(text: string): readonly [string, string] {
  const colon = text.indexOf(':')
  return colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)]
}

/** `-v /host:/inside:ro`, `-v name:/inside` or `-v /inside`, which makes a volume without a name. */
function volumesOf(
  values: readonly string[],
  host: CliHost,
): { binds: string[]; anonymous: Record<string, object> } {
  const binds: string[] = []
  const anonymous: Record<string, object> = {}
  for (const value of values) {
    const [source = '', ...rest] = value.split(':')
    if (rest.length === 0) anonymous[value] = {}
    else binds.push([source.startsWith('.') ? pathFrom(host, source) : source, ...rest].join(':'))
  }
  return { binds, anonymous }
}

async function securityOptions(options: readonly string[], host: CliHost): Promise<HostConfig> {
  const kept: string[] = []
  let open = false
  for (const option of options) {
    const [name = '', separator = '', value = ''] =
      /^([^=:]*)([=:]?)(.*)$/s.exec(option)?.slice(1) ?? []
    if (separator === '' && name !== 'no-new-privileges')
      throw new Error(`invalid --security-opt: ${JSON.stringify(option)}`)
    if (name === 'systempaths' && value === 'unconfined') open = true
    else if (name === 'seccomp' && value !== 'unconfined' && value !== 'builtin') {
      kept.push(`seccomp=${await seccompProfile(value, host)}`)
    } else kept.push(option)
  }
  return {
    ...(kept.length > 0 && { SecurityOpt: kept }),
    ...(open && { MaskedPaths: [], ReadonlyPaths: [] }),
  }
}

/** The profile is the user's file; the engine gets its text. */
async function seccompProfile(path: string, host: CliHost): Promise<string> {
  try {
    return JSON.stringify(JSON.parse(await textOf(host.files.read(pathFrom(host, path)))))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`opening seccomp profile (${path}) failed: ${reason}`, { cause })
  }
}
