import { EngineError } from '../../core/error.ts'
import type { CompleteResources, Resources, RestartPolicy } from '../../core/host-config.ts'
import type { ContainerSet } from './container-set.ts'
import type { Container } from './container.ts'
import { requireFreeName } from './create.ts'
import { isContainerName } from './names.ts'
import { cgroupUpdate } from './resources.ts'
import { checkResources, checkRestartPolicy } from './validate.ts'

/** @throws EngineError `conflict` when it doesn't run or is frozen already */
export async function pauseContainer(
  containers: ContainerSet,
  container: Container,
): Promise<void> {
  container.requireRunning()
  const { status } = container.state
  if (status === 'paused') {
    throw new EngineError('conflict', `Container ${container.id} is already paused`)
  }
  if (status === 'restarting') {
    throw new EngineError(
      'conflict',
      `container ${container.id} is restarting, wait until the container is running`,
    )
  }
  await containers.context.machine.containers.pause(container.id)
  void container.setState({ status: 'paused' })
  container.event('pause')
}

/** @throws EngineError `internal` when it isn't frozen, as Docker answers */
export async function unpauseContainer(
  containers: ContainerSet,
  container: Container,
): Promise<void> {
  if (container.state.status !== 'paused') {
    throw new EngineError('internal', `Container ${container.id} is not paused`)
  }
  await containers.context.machine.containers.resume(container.id)
  void container.setState({ status: 'running' })
  container.event('unpause')
}

/** @throws EngineError `invalid-parameter`, `conflict` */
export async function renameContainer(
  containers: ContainerSet,
  container: Container,
  name: string,
): Promise<void> {
  if (name === '') {
    throw new EngineError('invalid-parameter', 'Neither old nor new names may be empty')
  }
  if (!isContainerName(name)) {
    throw new EngineError(
      'invalid-parameter',
      `Error when allocating new name: Invalid container name (/${name.replace(/^\//, '')}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    )
  }
  const plain = name.replace(/^\//, '')
  const old = container.name
  if (plain === old) {
    throw new EngineError(
      'invalid-parameter',
      'Renaming a container with the same name as its current name',
    )
  }
  try {
    requireFreeName(containers, plain)
  } catch (cause) {
    throw new EngineError(
      'conflict',
      `Error when allocating new name: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
  const stored = container.update({ name: plain })
  container.event('rename', { oldName: `/${old}` })
  await stored
}

/** Body of `containers/{id}/update`: zeros and nulls change nothing. */
export type UpdateBody = Resources & { readonly RestartPolicy?: RestartPolicy }

const numbers = [
  'CpuShares',
  'Memory',
  'NanoCpus',
  'CpuPeriod',
  'CpuQuota',
  'MemoryReservation',
  'MemorySwap',
  'PidsLimit',
] as const

/** @throws EngineError with Docker's sentences */
export async function updateContainer(
  containers: ContainerSet,
  container: Container,
  body: UpdateBody,
): Promise<{ readonly Warnings: readonly string[] }> {
  const { machine } = containers.context
  const { hostConfig, state } = container.record
  if (state.status === 'removing' || state.status === 'dead') {
    throw new EngineError(
      'conflict',
      `Cannot update container ${container.id}: container is marked for removal and cannot be updated`,
    )
  }
  const changes = Object.fromEntries(
    numbers.flatMap((name) => (body[name] ? [[name, body[name]]] : [])),
  ) as Partial<CompleteResources>
  const { Name: name, MaximumRetryCount: retries } = body.RestartPolicy ?? {}
  const policy = name ? { Name: name, MaximumRetryCount: retries ?? 0 } : undefined
  if (policy) {
    checkRestartPolicy(policy)
    if (hostConfig.AutoRemove && policy.Name !== 'no') {
      throw new EngineError(
        'invalid-parameter',
        'Restart policy cannot be updated because AutoRemove is enabled for the container',
      )
    }
  }
  // Processor time is either a share or a quota: the newer wish wins.
  const base = changes.NanoCpus
    ? { ...hostConfig, CpuPeriod: 0, CpuQuota: 0 }
    : changes.CpuQuota || changes.CpuPeriod
      ? { ...hostConfig, NanoCpus: 0 }
      : hostConfig
  const next = {
    ...base,
    ...changes,
    ...(policy ? { RestartPolicy: policy } : {}),
  }
  checkResources(next, next.NanoCpus > 0 ? (await machine.guest.info()).cpus : 1)
  if (changes.Memory && !changes.MemorySwap && changes.Memory > hostConfig.MemorySwap) {
    throw new EngineError(
      'conflict',
      `Cannot update container ${container.id}: Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time`,
    )
  }
  if (state.pid !== 0 && Object.keys(changes).length > 0) {
    await machine.containers.update(container.id, cgroupUpdate(next))
  }
  await container.update({ hostConfig: next })
  container.event('update')
  return { Warnings: [] }
}

/** @throws EngineError `conflict` when it doesn't run */
export async function resizeContainer(
  containers: ContainerSet,
  container: Container,
  size: { readonly cols: number; readonly rows: number },
): Promise<void> {
  container.requireRunning()
  // Without a terminal there is nothing to resize, and Docker says nothing.
  if (container.record.config.Tty) {
    await containers.context.machine.processes.resize({ container: container.id }, size)
  }
  container.event('resize', { height: String(size.rows), width: String(size.cols) })
}
