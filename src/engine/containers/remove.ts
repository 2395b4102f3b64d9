import { EngineError } from '../../core/error.ts'
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
  container.setState({ status: 'removing' })
  container.close()
  const removed = machine.delete(container.id).catch((error: unknown) => {
    // Without a guest there is nothing to remove in it.
    log.add(`container ${container.id.slice(0, 12)}: ${String(error)}`)
  })
  await Promise.all([removed, logs.delete(container.id)])
  const forgotten = records.commit([{ kind: 'container', key: container.id, delete: true }])
  if (!container.record.hostConfig.AutoRemove) await forgotten
  else {
    // A record that stays is found at the next start, and removed then.
    forgotten.catch((error: unknown) => log.add(`container record: ${String(error)}`))
  }
  containers.forget(container)
  if (volumes) await containers.volumes.removeAnonymous(container.record.mounts ?? [])
  container.event('destroy')
  container.removed()
}
