import type { HostConfig, PortBinding, RestartPolicy } from '../../core/host-config.ts'
import type { ServiceConfig } from '../service.ts'
import type { Creation } from './creation.ts'
import { networkMode } from './endpoints.ts'
import { mounts } from './mounts.ts'
import { resources } from './resources.ts'

export function hostConfig(creation: Creation): HostConfig {
  const { service, links, autoRemove = false } = creation
  const { options, unconfined } = securityOptions(service.security_opt ?? [])
  const { logging } = service
  const restart = restartPolicy(service)
  return {
    AutoRemove: autoRemove,
    ...mounts(creation),
    NetworkMode: networkMode(creation),
    PortBindings: portBindings(service),
    Links: links,
    ...(restart && { RestartPolicy: restart }),
    ...(logging && {
      LogConfig: {
        ...(logging.driver !== undefined && { Type: logging.driver }),
        ...(logging.options && { Config: logging.options }),
      },
    }),
    ...(options.length > 0 && { SecurityOpt: options }),
    ...(unconfined && { MaskedPaths: [], ReadonlyPaths: [] }),
    ...resources(service),
    ...defined({
      Annotations: service.annotations,
      CapAdd: service.cap_add,
      CapDrop: service.cap_drop,
      Init: service.init,
      IpcMode: service.ipc,
      CgroupnsMode: service.cgroup,
      ReadonlyRootfs: service.read_only,
      ShmSize: service.shm_size === undefined ? undefined : Number(service.shm_size),
      Sysctls: service.sysctls,
      VolumesFrom: service.volumes_from,
      Dns: service.dns,
      DnsSearch: service.dns_search,
      DnsOptions: service.dns_opt,
      ExtraHosts: service.extra_hosts?.map((entry) => entry.replace('=', ':')),
      StorageOpt: service.storage_opt,
      UsernsMode: service.userns_mode,
      UTSMode: service.uts,
      Privileged: service.privileged,
      PidMode: service.pid,
      Isolation: service.isolation,
      Runtime: service.runtime,
      GroupAdd: service.group_add,
      OomScoreAdj: service.oom_score_adj,
      Tmpfs: service.tmpfs && Object.fromEntries(service.tmpfs.map(tmpfs)),
    }),
  }
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> }

const defined = <T extends object>(fields: T): Defined<T> =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Defined<T>

function tmpfs(text: string): [string, string] {
  const colon = text.indexOf(':')
  return colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)]
}

function portBindings({ ports = [] }: ServiceConfig): Record<string, PortBinding[]> {
  const bindings: Record<string, PortBinding[]> = {}
  for (const { target, protocol = 'tcp', host_ip: HostIp = '', published = '' } of ports)
    (bindings[`${target}/${protocol}`] ??= []).push({ HostIp, HostPort: published })
  return bindings
}

function restartPolicy({ restart, deploy }: ServiceConfig): RestartPolicy | undefined {
  const policy = deploy?.restart_policy
  if (policy) {
    return {
      Name: restartName(policy.condition ?? ''),
      MaximumRetryCount: policy.max_attempts ?? 0,
    }
  }
  if (restart === undefined) return undefined
  const [name = '', attempts = '0'] = restart.split(':')
  return { Name: restartName(name), MaximumRetryCount: Number(attempts) || 0 }
}

/** Names of `deploy` stand for the engine's. What it doesn't know the engine refuses. */
function restartName(condition: string): NonNullable<RestartPolicy['Name']> {
  if (condition === 'none') return 'no'
  if (condition === 'any') return 'always'
  return condition as NonNullable<RestartPolicy['Name']>
}

/** A profile in a file stands here as its text already. */
function securityOptions(given: readonly string[]): {
  readonly options: readonly string[]
  readonly unconfined: boolean
} {
  const options = given.filter((option) => option !== 'systempaths=unconfined')
  return { options, unconfined: options.length < given.length }
}
