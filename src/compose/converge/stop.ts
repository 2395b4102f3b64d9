import { isConflict, isNotFound } from '../../client/client-error.ts'
import type { ContainerSummary } from '../../client/types.ts'
import type { ServiceConfig } from '../service.ts'
import { runHook } from './hooks.ts'
import { nameOf } from './observed.ts'
import type { Session } from './session.ts'

export interface StopOptions {
  /** Seconds; the container's own otherwise. */
  readonly timeout?: number | undefined
  /** Its `pre_stop` runs before. */
  readonly service?: ServiceConfig | undefined
}

export async function stopContainers(
  session: Session,
  containers: readonly ContainerSummary[],
  options: StopOptions,
): Promise<void> {
  await Promise.all(containers.map((container) => stopContainer(session, container, options)))
}

async function stopContainer(
  session: Session,
  container: ContainerSummary,
  { timeout, service }: StopOptions,
): Promise<void> {
  const { client, progress, signal } = session
  const resource = `Container ${nameOf(container)}`
  progress.event(resource, 'working', 'Stopping')
  try {
    if (container.State === 'running')
      for (const hook of service?.pre_stop ?? []) await runHook(session, container.Id, hook)
    await client.containers.stop(container.Id, timeout === undefined ? {} : { timeout }, signal)
  } catch (error) {
    if (isNotFound(error)) return
    progress.event(resource, 'error', 'Error while Stopping')
    throw error
  }
  progress.event(resource, 'done', 'Stopped')
}

export async function removeContainers(
  session: Session,
  containers: readonly ContainerSummary[],
  options: StopOptions & { readonly volumes?: boolean },
): Promise<void> {
  const { client, progress, signal } = session
  await Promise.all(
    containers.map(async (container) => {
      await stopContainer(session, container, options)
      const resource = `Container ${nameOf(container)}`
      progress.event(resource, 'working', 'Removing')
      try {
        const v = options.volumes === true
        await client.containers.remove(container.Id, { force: true, v }, signal)
      } catch (error) {
        // Somebody else removes it.
        if (!isNotFound(error) && !isConflict(error)) {
          progress.event(resource, 'error', 'Error while Removing')
          throw error
        }
      }
      progress.event(resource, 'done', 'Removed')
    }),
  )
}
