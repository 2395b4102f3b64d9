import { describe, expect, test } from 'vitest'
import { streamOf } from '../../src/client/api-client.ts'
import { ClientError } from '../../src/client/client-error.ts'
import { dockerClient, type DockerClient } from '../../src/client/client.ts'
import { stdcopyDecoder } from '../../src/codec/stdcopy.ts'
import { EnginePort } from '../../src/hosts/worker/engine-port.ts'
import { connectEngine } from '../../src/link/engine/client.ts'
import { openDocker, type Docker } from '../support/docker-client.ts'
import { tarOf } from '../support/image-registry.ts'

/** A client of the engine by a port of its own. */
function byPort(docker: Docker) {
  const { port1, port2 } = new MessageChannel()
  const port = new EnginePort(port1, docker.handler, () => 'port')
  const connection = connectEngine(port2)
  return {
    client: dockerClient(connection.handler),
    port,
    [Symbol.dispose]: () => connection[Symbol.dispose](),
  }
}

const create = async (client: DockerClient, name: string, more: object): Promise<string> => {
  const request = { Image: 'demo', HostConfig: { NetworkMode: 'none' }, ...more }
  return (await client.containers.create(request, { name })).Id
}

/** What attach shows of a program that is given `input`, and how it ended. */
async function attached(client: DockerClient, name: string, Cmd: readonly string[], input: string) {
  const io = { AttachStdin: true, OpenStdin: true, StdinOnce: true }
  const id = await create(client, name, { Cmd, ...io })
  const streams = { stdin: true, stdout: true, stderr: true }
  const { connection, raw } = await client.containers.attach(id, streams)
  const { result } = await client.containers.wait(id, 'next-exit')
  await client.containers.start(id)
  const writer = connection.writable.getWriter()
  await writer.write(new TextEncoder().encode(input))
  await writer.close()
  const shown = { stdout: '', stderr: '' }
  for await (const { stream, bytes } of connection.readable.pipeThrough(stdcopyDecoder())) {
    if (stream === 'stdout' || stream === 'stderr') shown[stream] += new TextDecoder().decode(bytes)
  }
  return { raw, shown, exit: await result }
}

const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'no failure',
    (error: unknown) =>
      error instanceof ClientError ? [error.status, error.message] : String(error),
  )

/** Each makes the same calls of either client; what differs from run to run is left out. */
const scenes: Readonly<Record<string, (client: DockerClient) => Promise<unknown>>> = {
  'ping and version': async (client) => [await client.api.ping(), await client.system.version()],
  'attach, wait and start': (client) => attached(client, 'attached', ['cat'], 'hello\n'.repeat(9)),
  'both streams': (client) => attached(client, 'both', ['both'], ''),
  'an input of many windows': async (client) => {
    const { shown, exit } = await attached(
      client,
      'long',
      ['cat'],
      '0123456789abcdef'.repeat(200_000),
    )
    return [shown.stdout.length, exit]
  },
  exec: async (client) => {
    const id = await create(client, 'executed', { Cmd: ['sleep', '1000'] })
    await client.containers.start(id)
    const exec = await client.execs.create(id, {
      User: '',
      Privileged: false,
      Tty: true,
      AttachStdin: false,
      AttachStdout: true,
      AttachStderr: true,
      DetachKeys: '',
      Env: [],
      WorkingDir: '',
      Cmd: ['echo', 'from exec'],
    })
    const { connection, raw } = await client.execs.start(exec.Id, { tty: true })
    const text = await new Response(connection.readable).text()
    const { ExitCode } = await client.execs.inspect(exec.Id)
    await client.containers.remove(id, { force: true })
    return [raw, text, ExitCode]
  },
  'logs and a list by filters': async (client) => {
    const id = await create(client, 'logged', { Cmd: ['echo', 'out'], Labels: { scene: 'logs' } })
    await client.containers.start(id)
    const { result } = await client.containers.wait(id, 'not-running')
    await result
    const logs = await client.containers.logs(id, { stdout: true, stderr: true })
    const listed = await client.containers.list({ all: true, filters: { label: ['scene=logs'] } })
    return [await new Response(logs).text(), listed.map(({ Names, State }) => [Names, State])]
  },
  'an image out and in again': async (client) => {
    const tar = await client.api.stream('GET', '/images/get', { query: { names: ['demo'] } })
    const progress = await client.api.stream('POST', '/images/load', {
      headers: { 'content-type': 'application/x-tar' },
      body: tar,
    })
    return new Response(progress).text()
  },
  'a body that the engine does not read to its end': (client) =>
    failure(client.containers.extract('nobody', '/', streamOf(tarOf({ a: 'x'.repeat(3e6) })), {})),
  'Docker’s refusals': async (client) => [
    await failure(client.containers.inspect('nobody')),
    await failure(client.containers.list({ filters: { nonsense: ['x'] } })),
    await failure(client.containers.create({ Image: 'no such' }, {})),
    await failure(client.api.call('GET', '/nothing')),
    await failure(client.execs.start('none', { tty: false })),
  ],
}

describe('the Engine API by a port is what it is without', () => {
  test.each(Object.entries(scenes))('%s', async (_, scene) => {
    const outcomes = []
    for (const how of ['direct', 'port'] as const) {
      await using docker = await openDocker()
      using asked = byPort(docker)
      const client = how === 'direct' ? dockerClient(docker.handler) : asked.client
      outcomes.push(await scene(client))
    }
    expect(outcomes[1]).toEqual(outcomes[0])
    expect(outcomes[0]).toBeDefined()
  })
})

test('events are followed by one port while another starts a container', async () => {
  await using docker = await openDocker()
  using watching = byPort(docker)
  using acting = byPort(docker)
  const leave = new AbortController()
  const events = await watching.client.system.events(
    { filters: { type: ['container'] } },
    leave.signal,
  )
  const reader = events.getReader()
  const id = await create(acting.client, 'watched', { Cmd: ['true'] })
  await acting.client.containers.start(id)
  const seen: string[] = []
  while (!seen.includes('die')) seen.push((await reader.read()).value?.Action ?? 'end')
  expect(seen).toEqual(['create', 'start', 'die'])
  leave.abort(new Error('seen enough'))
  await expect(reader.read()).rejects.toThrow('seen enough')
})

test('a page that vanishes takes its events, its wait and its attach with it, and no other’s', async () => {
  await using docker = await openDocker()
  using staying = byPort(docker)
  const leaving = byPort(docker)
  const id = await create(staying.client, 'kept', { Cmd: ['cat'], OpenStdin: true })
  await staying.client.containers.start(id)
  const { connection } = await leaving.client.containers.attach(id, {
    stdin: true,
    stdout: true,
    stderr: true,
  })
  const { result } = await leaving.client.containers.wait(id, 'not-running')
  leaving[Symbol.dispose]()
  await leaving.port.closed
  await expect(result).rejects.toThrow("The engine can't be reached")
  await expect(new Response(connection.readable).text()).rejects.toThrow()
  expect((await staying.client.containers.inspect(id)).State.Running).toBe(true)
  await staying.client.containers.remove(id, { force: true })
})
