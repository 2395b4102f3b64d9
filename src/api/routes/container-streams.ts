import { EngineError } from '../../core/error.ts'
import type { WaitCondition } from '../../engine/containers/container.ts'
import { statsStream } from '../../engine/containers/stats.ts'
import type { Engine } from '../../engine/engine.ts'
import { jsonLines, type Call, type Route } from '../router.ts'
import { hijack, streamType } from './hijack.ts'

const nameOf = ({ params }: Call): string => params['name'] ?? ''

const encoder = new TextEncoder()

const conditions = ['not-running', 'next-exit', 'removed'] as const

function conditionOf({ query }: Call): WaitCondition {
  const text = query.string('condition')
  const condition = text === '' ? 'not-running' : conditions.find((known) => known === text)
  if (condition) return condition
  throw new EngineError('invalid-parameter', `invalid condition: "${text}"`)
}

/** `all`, a number; anything else is all, as in Docker. */
function tailOf({ query }: Call): number | undefined {
  const text = query.string('tail')
  return /^\d+$/.test(text) ? Number(text) : undefined
}

export const containerStreamRoutes = ({ containers }: Engine): readonly Route[] => [
  {
    method: 'POST',
    path: '/containers/{name}/attach',
    handle: async (call) => {
      const { query, signal } = call
      const container = containers.get(nameOf(call))
      const client = await containers.attach(
        container.id,
        {
          stdin: query.bool('stdin'),
          stdout: query.bool('stdout'),
          stderr: query.bool('stderr'),
          logs: query.bool('logs'),
          stream: query.bool('stream'),
          detachKeys: query.string('detachKeys'),
        },
        signal,
      )
      return hijack(call, client, container.record.config.Tty, (how) => {
        if (how === 'detached') container.event('detach')
      })
    },
  },
  {
    method: 'POST',
    path: '/containers/{name}/wait',
    handle: async (call) => {
      const condition = conditionOf(call)
      const gone = new AbortController()
      const exitCode = containers.wait(
        nameOf(call),
        condition,
        AbortSignal.any([call.signal, gone.signal]),
      )
      exitCode.catch(() => undefined)
      // Clients start the container only after they have seen the head of this answer.
      return {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: new ReadableStream<Uint8Array>(
          {
            pull: async (controller) => {
              try {
                controller.enqueue(encoder.encode(`{"StatusCode":${await exitCode}}\n`))
              } catch {
                // The client has gone.
              }
              controller.close()
            },
            cancel: () => gone.abort(),
          },
          { highWaterMark: 0 },
        ),
      }
    },
  },
  {
    method: 'GET',
    path: '/containers/{name}/logs',
    handle: async (call) => {
      const { query, signal } = call
      const container = containers.get(nameOf(call))
      const since = query.time('since')
      const until = query.time('until')
      const tail = tailOf(call)
      const body = containers.logs(
        container.id,
        {
          stdout: query.bool('stdout'),
          stderr: query.bool('stderr'),
          follow: query.bool('follow'),
          timestamps: query.bool('timestamps'),
          // A zero means "no limit" in Docker's clients.
          ...(since ? { since } : {}),
          ...(until ? { until } : {}),
          ...(tail === undefined ? {} : { tail }),
        },
        signal,
      )
      return {
        status: 200,
        headers: { 'content-type': streamType(call, container.record.config.Tty) },
        body,
      }
    },
  },
  {
    method: 'GET',
    path: '/containers/{name}/stats',
    handle: async (call) => {
      const { query, signal } = call
      const stream = query.bool('stream', true)
      const oneShot = query.bool('one-shot')
      if (stream && oneShot) {
        throw new EngineError('invalid-parameter', 'cannot have stream=true and one-shot=true')
      }
      return jsonLines(
        statsStream(containers, containers.get(nameOf(call)), { stream, oneShot }, signal),
      )
    },
  },
]
