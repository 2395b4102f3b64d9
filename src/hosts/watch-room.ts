import type { Context } from '../engine/context.ts'
import { Filters } from '../engine/filters.ts'
import type { GuestMachine } from '../machine/guest-machine.ts'
import type { DiskStore } from '../ports/disk-store.ts'
import type { StorageRoom } from '../ports/storage-room.ts'

/** What may have made room. */
const FREEING = ['destroy', 'delete', 'untag', 'prune']
/** Milliseconds in which several of them count as one, and from one look to the next until there is room. */
const PAUSES = [500, 1000, 3000, 10_000]

export interface RoomWatch {
  readonly room: StorageRoom
  readonly disk: DiskStore
  readonly machine: GuestMachine
  readonly context: Context
  readonly signal: AbortSignal
}

/** While the stores take nothing, no container runs; what frees something is followed by a look for room. */
export function watchRoom({ room, disk, machine, context, signal }: RoomWatch): void {
  room.watch((trouble) => {
    if (signal.aborted) return
    context.log.add(trouble === undefined ? 'storage: all goes on' : `storage: ${trouble}`)
    void machine.freeze(trouble)
  })
  const look = async (): Promise<void> => {
    // Linux tells of free blocks some time after its journal's commit, the store clears up behind the next commit.
    await machine.disk?.sync()
    await disk.flush()
    await disk.flush()
    await room.check()
  }
  let timer: ReturnType<typeof setTimeout> | undefined
  const soon = (step = 0): void => {
    const pause = PAUSES[step]
    if (room.trouble === undefined || pause === undefined || signal.aborted) return
    clearTimeout(timer)
    timer = setTimeout(() => {
      timer = undefined
      look()
        .catch((error: unknown) => context.log.add(`storage: ${String(error)}`))
        .finally(() => {
          // What was freed meanwhile has its own look, sooner.
          if (timer === undefined) soon(step + 1)
        })
    }, pause)
  }
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
  const follow = async (): Promise<void> => {
    const events = context.events.subscribe(
      { filters: Filters.parse(JSON.stringify({ event: FREEING })) },
      signal,
    )
    for await (const _ of events) soon()
  }
  follow().catch((error: unknown) => context.log.add(`storage: ${String(error)}`))
}
