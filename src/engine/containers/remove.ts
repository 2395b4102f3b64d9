import { EngineError } from '../../core/error.ts'
import type { ContainerSet } from './container-set.ts'
import type { Container } from './container.ts'
import { discardContainer } from './discard.ts'
import { killAndWait } from './stop.ts'

export interface RemoveOptions {
  readonly force: boolean
  /** The volumes that were made for it alone, too. */
  readonly volumes?: boolean
}

/** @throws EngineError `conflict` */
export async function removeContainer(
  containers: ContainerSet,
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
