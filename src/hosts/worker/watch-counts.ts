import type { EngineHandler } from '../../core/engine-http.ts'
import type { PlaygroundStatus } from '../../link/playground.ts'
import { getJson } from '../engine-call.ts'

type Counts = Pick<PlaygroundStatus, 'containers' | 'images' | 'storage'>

/** Bursts of events, such as a container's start, are counted once. In milliseconds. */
const PACE = 250

/** Tell how many containers and images there are, now and after each event, until the signal. */
export async function watchCounts(
  handler: EngineHandler,
  requestId: () => string,
  signal: AbortSignal,
  onCounts: (counts: Counts) => void,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const count = async (): Promise<void> => {
    const [containers, images, storage] = await Promise.all([
      getJson<readonly { State: string }[]>(handler, requestId(), '/containers/json?all=1', signal),
      getJson<readonly unknown[]>(handler, requestId(), '/images/json', signal),
      estimate(),
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
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
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

async function estimate(): Promise<Counts['storage']> {
  // Absent in workers of some browsers and in insecure contexts.
  const found = await globalThis.navigator.storage?.estimate?.().catch(() => undefined)
  return found?.usage === undefined || found.quota === undefined
    ? undefined
    : { usedBytes: found.usage, quotaBytes: found.quota }
}
