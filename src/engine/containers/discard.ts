import { shortId } from '../../core/short-id.ts'
import type { RecordChange } from '../../ports/record-store.ts'
import type { ContainerSet } from './container-set.ts'
import type { Container } from './container.ts'

/** What is left of a container that does not run goes. */
export async function discardContainer(
  containers: ContainerSet,
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
  const removed = machine.containers.delete(container.id).catch((error: unknown) => {
    // Without a guest there is nothing to remove in it.
    log.add(`container ${shortId(container.id)}: ${String(error)}`)
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
