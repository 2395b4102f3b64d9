import Docker from 'dockerode'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'

let server: HeadlessServer
let docker: Docker

beforeAll(async () => {
  server = await startServer()
  docker = new Docker({ socketPath: server.socket })
}, 120_000)

afterAll(() => server?.[Symbol.asyncDispose]())

const text = async (stream: NodeJS.ReadableStream): Promise<string> => {
  let result = ''
  for await (const chunk of stream) result += String(chunk)
  return result
}

test('pull, run, logs, exec, list, remove', async () => {
  const progress = await docker.pull('busybox:latest')
  await new Promise<void>((resolve, reject) =>
    docker.modem.followProgress(progress, (error) => (error ? reject(error) : resolve())),
  )

  const output = new PassThrough()
  const [result, container] = (await docker.run('busybox', ['echo', 'hello'], output)) as [
    { StatusCode: number },
    Docker.Container,
  ]
  expect(result.StatusCode).toBe(0)
  output.end()
  expect(await text(output)).toBe('hello\r\n')
  expect(String(await container.logs({ stdout: true }))).toContain('hello')
  await container.remove()

  const sleeper = await docker.createContainer({ Image: 'busybox', Cmd: ['sleep', '1000'] })
  await sleeper.start()
  const exec = await sleeper.exec({ Cmd: ['cat'], AttachStdin: true, AttachStdout: true })
  const stream = await exec.start({ hijack: true, stdin: true })
  const echoed = new PassThrough()
  docker.modem.demuxStream(stream, echoed, echoed)
  stream.on('end', () => echoed.end())
  stream.end('through exec\n')
  expect(await text(echoed)).toBe('through exec\n')
  expect((await exec.inspect()).ExitCode).toBe(0)
  const listed = await docker.listContainers({ filters: { id: [sleeper.id] } })
  expect(listed.map(({ State }) => State)).toEqual(['running'])
  await sleeper.remove({ force: true })
  await expect(sleeper.inspect()).rejects.toMatchObject({ statusCode: 404 })
}, 60_000)

test('events are followed until the client leaves', async () => {
  const events = await docker.getEvents({ filters: { type: ['container'] } })
  const seen = new Promise<string>((resolve) =>
    events.once('data', (chunk) => resolve(String(chunk))),
  )
  const container = await docker.createContainer({ Image: 'busybox', Cmd: ['true'] })
  expect(JSON.parse(await seen)).toMatchObject({ Action: 'create', Type: 'container' })
  ;(events as unknown as { destroy(): void }).destroy()
  await container.remove()
})
