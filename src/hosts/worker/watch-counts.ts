import type { EngineHandler } from '../../core/engine-http.ts'
import type { PlaygroundStatus } from '../../link/playground.ts'
import type { StorageRoom } from '../../ports/storage-room.ts'
import { getJson } from '../get-json.ts'

type Counts = Pick<PlaygroundStatus, 'containers' | 'images' | 'storage'>

/** Bursts of events, such as a container's start, are counted once. In milliseconds. */
const PACE = 250
/** What a container writes is no event; in milliseconds. */
const STORAGE_PACE = 10_000

/** Tell how many containers and images there are and what they take, now and after each event, until the signal. */
export async function watchCounts(
  handler: EngineHandler,
  requestId: () => string,
  room: StorageRoom,
  signal: AbortSignal,
  onCounts: (counts: Partial<Counts>) => void,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const count = async (): Promise<void> => {
    const [containers, images, storage] = await Promise.all([
      getJson<readonly { State: string }[]>(handler, requestId(), '/containers/json?all=1', signal),
      getJson<readonly unknown[]>(handler, requestId(), '/images/json', signal),
      estimate(room),
    ])
    const running = containers.filter(({ State }) => State === 'running').length
    onCounts({
      containers: { running, total: containers.length },
      images: images.length,
      ...(storage ? { storage } : {}),
    })
  }
  const soon = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined
      // A machine or store in trouble is told elsewhere; the next event counts again.
      count().catch(() => undefined)
    }, PACE)
  }
  soon()
  const measure = setInterval(() => {
    void estimate(room).then((storage) => storage && onCounts({ storage }))
  }, STORAGE_PACE)
  const stop = (): void => {
    clearTimeout(timer)
    clearInterval(measure)
  }
  signal.addEventListener('abort', stop, { once: true })
  const { body } = await handler({
    method: 'GET',
    path: '/events',
    headers: {},
    signal,
    id: requestId(),
  })
  if (!body) return
  const reader = body.getReader()
  while (!signal.aborted) {
    const { done } = await reader.read().catch(() => ({ done: true }))
    if (done) return
    soon()
  }
}

async function estimate(room: StorageRoom): Promise<Counts['storage']> {
  // Absent in workers of some browsers and in insecure contexts.
  const { storage } = globalThis.navigator
  const [found, persisted] = await Promise.all([
    storage?.estimate?.().catch(() => undefined),
    storage?.persisted?.().catch(() => false),
  ])
  if (found?.usage === undefined || found.quota === undefined) return undefined
  return {
    usedBytes: Math.max(0, found.usage - room.reserved),
    freeBytes: Math.max(0, found.quota - found.usage + room.reserved),
    persisted: persisted ?? false,
  }
}
