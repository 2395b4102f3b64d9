import type { RuntimeProcess, RuntimeSpec } from '../../core/runtime-spec.ts'
import type { MachinePlaces } from '../../ports/machine/places.ts'
import { compileSeccomp } from '../../codec/seccomp.ts'
import { containerCapabilities } from './capabilities.ts'
import type { CompleteHostConfig } from '../../core/host-config.ts'
import type { ContainerConfig } from './config.ts'
import type { ContainerDevices } from './devices.ts'
import type { MountPoint } from '../volumes/mount-point.ts'
import { containerMounts } from './mounts.ts'
import { commandOf, type ContainerSetup } from './record.ts'
import { specResources } from './resources.ts'
import type { ResolvedUser } from './user.ts'
import { splitMode } from './validate-host.ts'

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Namespaces that a container shares with another process of the guest, by that one's pid. */
export interface SharedNamespaces {
  readonly network?: number
  readonly pid?: number
  readonly ipc?: number
}

interface SpecParts {
  readonly places: MachinePlaces
  readonly user: ResolvedUser
  readonly shared: SharedNamespaces
  readonly devices: ContainerDevices
  /** What links put into the environment. */
  readonly linked: readonly string[]
}

/** runtime-spec's config of a container, as Docker makes it (moby daemon/oci_linux.go). */
export function runtimeSpec(
  { id, config, hostConfig: host, mounts = [] }: ContainerSetup,
  { places, user, shared, devices, linked }: SpecParts,
): RuntimeSpec {
  const sharesUts = host.UTSMode === 'host'
  return {
    ociVersion: '1.2.0',
    process: containerProcess(config, host, user, linked),
    root: { path: 'rootfs', ...(host.ReadonlyRootfs ? { readonly: true } : {}) },
    ...(sharesUts ? {} : { hostname: config.Hostname }),
    ...(sharesUts || !config.Domainname ? {} : { domainname: config.Domainname }),
    mounts: containerMounts(places, id, host, mounts),
    linux: {
      namespaces: namespacesOf(host, shared),
      cgroupsPath: `/docker/${id}`,
      resources: {
        ...specResources(host),
        // guestd adds the harmless ones: null, zero, random, terminals.
        devices: [{ allow: host.Privileged, access: 'rwm' }, ...devices.rules],
      },
      ...(devices.nodes.length > 0 ? { devices: devices.nodes } : {}),
      ...rootPropagation(mounts),
      ...(host.MaskedPaths ? { maskedPaths: host.MaskedPaths } : {}),
      ...(host.ReadonlyPaths ? { readonlyPaths: host.ReadonlyPaths } : {}),
      sysctl: sysctlsOf(host),
    },
  }
}

/** What is mounted in a volume passes through the container's root (moby daemon/oci_linux.go withMounts). */
function rootPropagation(
  mounts: readonly MountPoint[],
): Pick<RuntimeSpec['linux'], 'rootfsPropagation'> {
  const has = (words: readonly string[]): boolean =>
    mounts.some(({ propagation }) => words.includes(propagation))
  if (has(['shared', 'rshared'])) return { rootfsPropagation: 'shared' }
  return has(['slave', 'rslave']) ? { rootfsPropagation: 'rslave' } : {}
}

/** The program that the seccomp filter of a container is; undefined: unconfined. */
export function seccompOf(host: CompleteHostConfig): string | undefined {
  const unconfined = (host.SecurityOpt ?? []).some((option) =>
    /^seccomp[=:]unconfined$/.test(option),
  )
  return host.Privileged || unconfined ? undefined : compileSeccomp(capabilitiesOf(host))
}

const capabilitiesOf = (host: CompleteHostConfig): readonly string[] =>
  containerCapabilities({
    add: host.CapAdd ?? [],
    drop: host.CapDrop ?? [],
    privileged: host.Privileged,
  })

function containerProcess(
  config: ContainerConfig,
  host: CompleteHostConfig,
  user: ResolvedUser,
  linked: readonly string[],
): RuntimeProcess {
  const command = commandOf(config)
  const [rows, columns] = host.ConsoleSize
  return {
    terminal: config.Tty,
    ...(config.Tty && rows > 0 && columns > 0
      ? { consoleSize: { height: rows, width: columns } }
      : {}),
    args: host.Init ? ['/sbin/docker-init', '--', ...command] : command,
    ...commonProcess(config, host, user),
    env: environmentOf(config, linked),
    cwd: config.WorkingDir || '/',
    capabilities: capabilitySets(capabilitiesOf(host)),
    oomScoreAdj: host.OomScoreAdj,
  }
}

const commonProcess = (
  _config: ContainerConfig,
  host: CompleteHostConfig,
  user: ResolvedUser,
): Pick<RuntimeProcess, 'user' | 'rlimits' | 'noNewPrivileges'> => ({
  user,
  rlimits: (host.Ulimits ?? []).map(({ Name: name, Hard: hard, Soft: soft }) => ({
    type: `RLIMIT_${name.toUpperCase()}`,
    hard,
    soft,
  })),
  ...((host.SecurityOpt ?? []).some((option) => /^no-new-privileges([=:]true)?$/.test(option))
    ? { noNewPrivileges: true }
    : {}),
})

/** What an exec asks for beyond its container. */
export interface ExecRequest {
  readonly args: readonly string[]
  readonly env: readonly string[]
  /** What the container's links give. */
  readonly linked: readonly string[]
  readonly tty: boolean
  readonly privileged: boolean
  readonly cwd: string
  /** Rows and columns; zeros when unknown. */
  readonly size: readonly [number, number]
}

/** Another process of a running container (moby daemon/exec_linux.go). */
export function execProcess(
  config: ContainerConfig,
  host: CompleteHostConfig,
  user: ResolvedUser,
  request: ExecRequest,
): RuntimeProcess {
  const [rows, columns] = request.size
  const capabilities = request.privileged
    ? containerCapabilities({ add: [], drop: [], privileged: true })
    : capabilitiesOf(host)
  return {
    terminal: request.tty,
    ...(request.tty && rows > 0 && columns > 0
      ? { consoleSize: { height: rows, width: columns } }
      : {}),
    args: request.args,
    ...commonProcess(config, host, user),
    env: mergeEnvironment(
      environmentOf({ ...config, Tty: request.tty }, request.linked),
      request.env,
    ),
    cwd: request.cwd || config.WorkingDir || '/',
    capabilities: capabilitySets(capabilities),
    oomScoreAdj: host.OomScoreAdj,
  }
}

/** Docker gives no inheritable and no ambient ones (CVE-2022-24769). */
const capabilitySets = (names: readonly string[]): NonNullable<RuntimeProcess['capabilities']> => ({
  bounding: names,
  effective: names,
  permitted: names,
  inheritable: [],
  ambient: [],
})

/** PATH, HOSTNAME, TERM and links first, then what the container asks for (moby daemon/container_operations.go). */
function environmentOf(config: ContainerConfig, linked: readonly string[] = []): readonly string[] {
  const terminal = config.Tty ? ['TERM=xterm'] : []
  const base = [defaultPath, `HOSTNAME=${config.Hostname}`, ...terminal, ...linked]
  return mergeEnvironment(base, config.Env)
}

/** A name alone removes the variable. */
function mergeEnvironment(base: readonly string[], changes: readonly string[]): readonly string[] {
  const variables = new Map<string, string>()
  for (const line of [...base, ...changes]) {
    const at = line.indexOf('=')
    if (at < 0) variables.delete(line)
    else variables.set(line.slice(0, at), line)
  }
  return [...variables.values()]
}

function namespacesOf(
  host: CompleteHostConfig,
  shared: SharedNamespaces,
): { type: string; path?: string }[] {
  const namespace = (
    type: 'network' | 'uts' | 'ipc' | 'pid' | 'cgroup',
    mode: string,
    pid?: number,
  ): { type: string; path?: string }[] => {
    if (pid !== undefined) {
      const file = type === 'network' ? 'net' : type
      return [{ type, path: `/proc/${pid}/ns/${file}` }]
    }
    return mode === 'host' ? [] : [{ type }]
  }
  return [
    { type: 'mount' },
    ...namespace('network', splitMode(host.NetworkMode)[0], shared.network),
    ...namespace('uts', host.UTSMode),
    ...namespace('ipc', splitMode(host.IpcMode)[0], shared.ipc),
    ...namespace('pid', splitMode(host.PidMode)[0], shared.pid),
    ...namespace('cgroup', host.CgroupnsMode),
  ]
}

function sysctlsOf(host: CompleteHostConfig): Readonly<Record<string, string>> {
  const [network] = splitMode(host.NetworkMode)
  const own = network !== 'host' && network !== 'container'
  return {
    // An own network namespace lets any user bind low ports and ping.
    ...(own && !host.Privileged
      ? {
          'net.ipv4.ip_unprivileged_port_start': '0',
          'net.ipv4.ping_group_range': '0 2147483647',
        }
      : {}),
    ...host.Sysctls,
  }
}
