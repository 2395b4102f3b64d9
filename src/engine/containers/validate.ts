import { EngineError } from '../../core/error.ts'
import type { OciHealthcheck } from '../../core/oci.ts'
import type {
  CompleteHostConfig,
  CompleteResources,
  CompleteRestartPolicy,
} from '../../core/host-config.ts'
import type { ContainerConfig } from './config.ts'
import { containerCapabilities } from './capabilities.ts'
import { parseSignal } from './signals.ts'
import { checkHost } from './validate-host.ts'

const bad = (message: string): EngineError => new EngineError('invalid-parameter', message)

const minimumMemory = 6 * 1024 * 1024

/**
 * What Docker refuses at create (moby daemon/container.go verifyContainerSettings).
 * @param cpus of the guest
 */
export function checkConfig(config: ContainerConfig, host: CompleteHostConfig, cpus: number): void {
  if (config.WorkingDir !== '' && !config.WorkingDir.startsWith('/')) {
    throw bad(
      `the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`,
    )
  }
  for (const line of config.Env) {
    if (line === '' || line.startsWith('=')) throw bad(`invalid environment variable: ${line}`)
  }
  checkHealth(config.Healthcheck ?? {})
  if (config.StopSignal) parseSignal(config.StopSignal)
  checkHostConfig(host)
  checkResources(host, cpus)
}

/** moby daemon/container.go validateHealthCheck */
function checkHealth(check: OciHealthcheck): void {
  const durations = ['Interval', 'Timeout', 'StartPeriod', 'StartInterval'] as const
  for (const name of durations) {
    const value = check[name] ?? 0
    if (value !== 0 && value < 1e6) throw bad(`${name} in Healthcheck cannot be less than 1ms`)
  }
  if ((check.Retries ?? 0) < 0) throw bad('Retries in Healthcheck cannot be negative')
}

function checkHostConfig(host: CompleteHostConfig): void {
  const { RestartPolicy: policy } = host
  if (host.AutoRemove && policy.Name !== 'no') {
    throw bad("can't create 'AutoRemove' container with restart policy")
  }
  checkRestartPolicy(policy)
  containerCapabilities({ add: host.CapAdd ?? [], drop: host.CapDrop ?? [], privileged: false })
  checkHost(host)
}

export function checkRestartPolicy({
  Name: name,
  MaximumRetryCount: retries,
}: CompleteRestartPolicy): void {
  if (name !== 'no' && name !== 'always' && name !== 'on-failure' && name !== 'unless-stopped') {
    throw bad(
      `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    )
  }
  if (name === 'on-failure' ? retries < 0 : retries !== 0) {
    throw bad(
      name === 'on-failure'
        ? 'invalid restart policy: maximum retry count cannot be negative'
        : "invalid restart policy: maximum retry count can only be used with 'on-failure'",
    )
  }
}

/** moby daemon/daemon_unix.go verifyPlatformContainerResources */
export function checkResources(resources: CompleteResources, cpus: number): void {
  const { Memory: memory, MemorySwap: swap, MemoryReservation: reservation } = resources
  if (memory !== 0 && memory < minimumMemory) throw bad('Minimum memory limit allowed is 6MB')
  if (memory > 0 && swap > 0 && swap < memory) {
    throw bad('Minimum memoryswap limit should be larger than memory limit, see usage')
  }
  if (memory === 0 && swap > 0) {
    throw bad('You should always set the Memory limit when using Memoryswap limit, see usage')
  }
  if (reservation > 0 && reservation < minimumMemory) {
    throw bad('Minimum memory reservation allowed is 6MB')
  }
  if (reservation > 0 && memory > 0 && memory < reservation) {
    throw bad('Minimum memory limit can not be less than memory reservation limit, see usage')
  }
  for (const { Name: name } of resources.Ulimits ?? []) {
    if (!ulimits.includes(name)) throw bad(`invalid ulimit type: ${name}`)
  }
  checkProcessors(resources, cpus)
}

/** Limits that a program can have (getrlimit(2)), as Docker names them. */
const ulimits =
  'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(
    ' ',
  )

function checkProcessors(resources: CompleteResources, cpus: number): void {
  const { NanoCpus: nano, CpuPeriod: period, CpuQuota: quota } = resources
  if (nano > 0 && period > 0) {
    throw bad('Conflicting options: Nano CPUs and CPU Period cannot both be set')
  }
  if (nano > 0 && quota > 0) {
    throw bad('Conflicting options: Nano CPUs and CPU Quota cannot both be set')
  }
  if (nano < 0 || nano > cpus * 1e9) {
    throw bad(`range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`)
  }
  if (period !== 0 && (period < 1000 || period > 1_000_000)) {
    throw bad(
      'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)',
    )
  }
  if (quota > 0 && quota < 1000) throw bad('CPU cfs quota can not be less than 1ms (i.e. 1000)')
}
