import { expect, test } from 'vitest'
import { dockerClient } from '../client/client.ts'
import { watchEngine, type EngineSummary } from './watch-engine.ts'

const container = (
  name: string,
  State: string,
  ...ports: readonly (readonly [number, string])[]
) => ({
  Names: ['/other/alias', `/${name}`],
  State,
  Ports: [
    { PrivatePort: 80, Type: 'tcp' },
    ...ports.map(([PublicPort, Type]) => ({ PrivatePort: 80, PublicPort, Type })),
  ],
})

/** An engine of lists; `event` tells of a change, `end` ends it. */
function engine() {
  const state = { containers: [] as unknown[], lists: 0, isBroken: false }
  let events: ReadableStreamDefaultController<Uint8Array> | undefined
  let held: Promise<void> | undefined
  const json = (value: unknown) => ({
    status: 200,
    headers: {},
    body: new Blob([JSON.stringify(value)]).stream(),
  })
  const docker = dockerClient(async ({ path }) => {
    if (path.startsWith('/v1.51/events')) {
      const body = new ReadableStream<Uint8Array>({ start: (controller) => (events = controller) })
      return { status: 200, headers: {}, body }
    }
    if (path.startsWith('/v1.51/containers/json')) {
      state.lists++
      await held
      return state.isBroken ? { status: 500, headers: {} } : json(state.containers)
    }
    if (path.startsWith('/v1.51/images/json')) return json([{}, {}])
    return { status: 200, headers: { 'api-version': '1.51' } }
  })
  return {
    state,
    docker,
    event: () => events?.enqueue(new TextEncoder().encode('{"Type":"container"}\n')),
    end: () => events?.close(),
    /** Lists are not answered until what is returned is called. */
    hold: () => {
      let release = (): void => undefined
      held = new Promise((resolve) => (release = resolve))
      return () => release()
    },
  }
}

test('tells what there is now, and after an event', async () => {
  const { state, docker, event, end } = engine()
  state.containers = [
    container('newer', 'running', [8080, 'tcp'], [53, 'udp']),
    container('older', 'paused', [8080, 'tcp'], [8080, 'tcp'], [443, 'tcp']),
    { ...container('gone', 'exited'), Ports: null },
  ]
  const told: EngineSummary[] = []
  const over = watchEngine(docker, (summary) => told.push(summary))
  await expect.poll(() => told).toHaveLength(1)
  expect(told[0]).toEqual({
    running: 1,
    containers: 3,
    images: 2,
    ports: [
      { port: 443, container: 'older' },
      { port: 8080, container: 'older' },
    ],
  })
  state.containers = []
  event()
  await expect.poll(() => told[1]).toMatchObject({ containers: 0, ports: [] })
  end()
  await over
})

test('events that come while it counts are counted together', async () => {
  const { state, docker, event, end, hold } = engine()
  const release = hold()
  const told: EngineSummary[] = []
  const over = watchEngine(docker, (summary) => told.push(summary))
  await expect.poll(() => state.lists).toBe(1)
  for (let count = 0; count < 10; count++) event()
  end()
  await over
  expect(state.lists).toBe(1)
  release()
  await expect.poll(() => told).toHaveLength(2)
  expect(state.lists).toBe(2)
})

test('a count that fails is made up for by the next', async () => {
  const { state, docker, event, end } = engine()
  state.isBroken = true
  const told: EngineSummary[] = []
  const over = watchEngine(docker, (summary) => told.push(summary))
  await expect.poll(() => state.lists).toBe(1)
  state.isBroken = false
  event()
  await expect.poll(() => told).toHaveLength(1)
  end()
  await over
})
