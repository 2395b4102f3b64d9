import { EngineError } from '../../core/error.ts'
import type { Container } from './container.ts'
import type { ContainerSet } from './container-set.ts'
import { holdFiles, holding } from './files.ts'

/** All files of a container, without its volumes, as a tar (moby daemon/export.go). */
export async function exportContainer(
  containers: ContainerSet,
  container: Container,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const { status } = container.state
  if (status === 'removing' || status === 'dead') {
    const why = status === 'dead' ? 'Dead' : 'being removed'
    throw new EngineError('conflict', `You cannot export container ${container.id} which is ${why}`)
  }
  const held = await holdFiles(containers, container, { volumes: false, signal })
  try {
    const { tar } = await containers.context.machine.files.read(held.files, '/', {
      name: '',
      wholeSeconds: true,
      signal,
    })
    container.event('export')
    return holding(tar, held)
  } catch (error) {
    held[Symbol.dispose]()
    throw error
  }
}
