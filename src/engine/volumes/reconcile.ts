import { shortId } from '../../core/short-id.ts'
import type { Context } from '../context.ts'

export interface DiskOwners {
  hasContainer(id: string): boolean
  hasVolume(name: string): boolean
}

/**
 * Records and the disk have no common commit: a removal deletes the record first, so what the disk has without one is
 * rubbish of an operation that was cut short. What a record has and the disk has not is made when it is needed.
 */
export async function reconcileDisk({ machine, log }: Context, owners: DiskOwners): Promise<void> {
  const { disk } = machine
  if (!disk) return
  try {
    // Asked before anything can be started: whatever is there is of an earlier run.
    const { uppers, volumes } = await disk.list()
    for (const id of uppers) {
      if (owners.hasContainer(id) || !/^[0-9a-f]{64}$/.test(id)) continue
      log.add(`disk: the layer ${shortId(id)} is nobody's and removed`)
      await machine.containers.delete(id)
    }
    for (const name of volumes) {
      if (owners.hasVolume(name)) continue
      log.add(`disk: the volume ${name} is nobody's and removed`)
      await disk.removeVolume(name)
    }
  } catch (error) {
    log.add(`disk: ${String(error)}`)
  }
}
