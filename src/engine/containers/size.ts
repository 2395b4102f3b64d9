import { shortId } from '../../core/short-id.ts'
import type { Container } from './container.ts'
import type { ContainerSet } from './container-set.ts'

export interface ContainerSize {
  /** Bytes in its writable layer; 0 where that is not known. */
  readonly own: number
  /** With its image. */
  readonly all: number
}

export async function containerSize(
  containers: ContainerSet,
  { id, record }: Container,
): Promise<ContainerSize> {
  const own = await layerSize(containers, id)
  // An image that was removed by force has no size any more.
  const image = await containers.images.get(record.image).catch(() => undefined)
  return { own, all: own + (image?.size ?? 0) }
}

export const layerSize = async (
  { context: { machine, log } }: ContainerSet,
  id: string,
): Promise<number> => {
  try {
    return (await machine.disk?.layerUsage(id)) ?? 0
  } catch (error) {
    // Without a guest nothing can be measured.
    log.add(`size of container ${shortId(id)}: ${String(error)}`)
    return 0
  }
}
