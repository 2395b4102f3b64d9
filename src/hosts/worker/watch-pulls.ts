import type { EngineHandler } from '../../core/engine-http.ts'
import type { PullStatus } from '../../link/playground.ts'

/** Lines longer than this are not looked at, in characters. */
const LINE_MAX = 64 * 1024

/**
 * The same engine, whose pulls are seen: the progress that a client reads is read along the way
 * (moby api, `POST /images/create`: JSON objects with `id`, `status` and `progressDetail`).
 */
export function watchPulls(
  handler: EngineHandler,
  onPulls: (pulls: readonly PullStatus[]) => void,
): EngineHandler {
  const pulls = new Map<string, PullStatus>()
  const tell = (): void => onPulls([...pulls.values()])
  return async (request) => {
    const response = await handler(request)
    const url = new URL(request.path, 'http://engine')
    const image = url.searchParams.get('fromImage')
    if (
      request.method !== 'POST' ||
      !image ||
      !url.pathname.endsWith('/images/create') ||
      !response.body
    ) {
      return response
    }
    const layers = new Map<string, { done: number; total: number }>()
    const watch = (line: string): void => {
      const { id, status, progressDetail } = parse(line)
      if (id === undefined) return
      const { current, total } = progressDetail ?? {}
      if (current !== undefined && total !== undefined && status === 'Downloading') {
        layers.set(id, { done: current, total })
      } else if (layers.has(id) && status === 'Pull complete') {
        const layer = layers.get(id)
        if (layer) layers.set(id, { done: layer.total, total: layer.total })
      } else return
      const sum = { done: 0, total: 0 }
      for (const { done, total: size } of layers.values()) {
        sum.done += done
        sum.total += size
      }
      pulls.set(request.id, {
        image: shortName(image, url),
        doneBytes: sum.done,
        totalBytes: sum.total,
      })
      tell()
    }
    const forget = (): void => {
      pulls.delete(request.id)
      tell()
    }
    pulls.set(request.id, { image: shortName(image, url), doneBytes: 0, totalBytes: 0 })
    tell()
    return { ...response, body: observed(response.body, watch, forget) }
  }
}

function shortName(image: string, url: URL): string {
  const tag = url.searchParams.get('tag')
  const name = image.replace(/^docker\.io\/(library\/)?/, '')
  return tag && !tag.includes(':') ? `${name}:${tag}` : name
}

interface Progress {
  readonly id?: string
  readonly status?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
}

function parse(line: string): Progress {
  try {
    return JSON.parse(line) as Progress
  } catch {
    // Not for us to judge: the client gets the line as it is.
    return {}
  }
}

/** The same bytes; each whole line is shown to `onLine`, the end, however it comes, to `onEnd`. */
function observed(
  body: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
  onEnd: () => void,
): ReadableStream<Uint8Array> {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  let partial = ''
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const { done, value } = await reader.read()
          if (done) {
            onEnd()
            controller.close()
            return
          }
          const lines = (partial + decoder.decode(value, { stream: true })).split('\n')
          partial = (lines.pop() ?? '').slice(0, LINE_MAX)
          for (const line of lines) onLine(line)
          controller.enqueue(value)
        } catch (error) {
          onEnd()
          throw error
        }
      },
      cancel: async (reason) => {
        onEnd()
        await reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}
