import { EngineError } from '../../core/error.ts'
import type { RecordChange } from '../../ports/record-store.ts'
import type { Containers } from './containers.ts'
import type { Container } from './container.ts'
import { killAndWait } from './stop.ts'

export interface RemoveOptions {
  readonly force: boolean
  /** The volumes that were made for it alone, too. */
  readonly volumes?: boolean
}

/** @throws EngineError `conflict` */
export async function removeContainer(
  containers: Containers,
  container: Container,
  { force, volumes = false }: RemoveOptions,
): Promise<void> {
  ;(await container.starting.lock())[Symbol.dispose]()
  const { status } = container.state
  if (status === 'removing') {
    throw new EngineError(
      'conflict',
      `removal of container ${container.name} is already in progress`,
    )
  }
  if (status === 'running' || status === 'paused' || status === 'restarting') {
    if (!force) {
      const advice =
        status === 'paused'
          ? 'container is paused and must be unpaused first'
          : `container is ${status}: stop the container before removing or force remove`
      throw new EngineError('conflict', `cannot remove container "${container.name}": ${advice}`)
    }
    // With --rm its death would remove it, too.
    container.keep = true
    void container.update({ stoppedByUser: true })
    await killAndWait(containers, container)
  }
  await discardContainer(containers, container, { volumes })
}

/** What is left of a container that does not run goes. */
export async function discardContainer(
  containers: Containers,
  container: Container,
  { volumes }: { readonly volumes: boolean } = { volumes: container.record.hostConfig.AutoRemove },
): Promise<void> {
  const { machine, logs, records, log } = containers.context
  const { record } = container
  const { AutoRemove: isBrief } = record.hostConfig
  const begun = container.update({
    state: { ...record.state, status: 'removing' },
    ...(volumes ? { removeVolumes: true } : {}),
  })
  container.close()
  // Its layer must not be gone while its record says otherwise. What goes with its process is removed at the next start anyhow.
  if (!isBrief) await begun
  const removed = machine.delete(container.id).catch((error: unknown) => {
    // Without a guest there is nothing to remove in it.
    log.add(`container ${container.id.slice(0, 12)}: ${String(error)}`)
  })
  const forget = async (others: readonly RecordChange[]): Promise<void> => {
    const forgotten = records.commit([
      { kind: 'container', key: container.id, delete: true },
      ...others,
    ])
    if (!isBrief) await forgotten
    else {
      // A record that stays is found at the next start, and removed then.
      forgotten.catch((error: unknown) => log.add(`container record: ${String(error)}`))
    }
    containers.forget(container)
  }
  try {
    await Promise.all([removed, logs.delete(container.id)])
    await containers.volumes.removeWith(container.id, volumes ? (record.mounts ?? []) : [], forget)
  } catch (error) {
    // As moby has it: what is half removed can't run any more, but be removed again.
    void container.setState({ status: 'dead' })
    throw error
  }
  container.event('destroy')
  container.removed()
}
