/**
 * Records what Docker's own CLI says, and what passes between it and a real engine, for recorded.test.ts:
 *   npx rolldown tests/cli/record.ts --platform node --file /tmp/record.mjs
 *   node /tmp/record.mjs DOCKER_PROGRAM unix://ENGINE.sock tests/golden/docker-cli
 */
import { spawn } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { textOf } from '../../src/client/api-client.ts'
import { duplexPair } from '../../src/client/duplex-pair.ts'
import type { EngineHandler } from '../../src/core/engine-http.ts'
import { engineSocket } from '../../src/hosts/node/engine-socket.ts'
import { listen } from '../../src/hosts/node/listen.ts'
import type { Exchange, Recording } from './recording.ts'

const [program = '', engine = '', folder = ''] = process.argv.slice(2)
const bytesOf = async (body: ReadableStream<Uint8Array> | undefined): Promise<Buffer> => {
  const pieces: Uint8Array[] = []
  if (body) for await (const piece of body) pieces.push(piece)
  return Buffer.concat(pieces)
}
const stream = (bytes: Uint8Array): ReadableStream<Uint8Array> =>
  new Blob([new Uint8Array(bytes)]).stream()

let exchanges: Exchange[] = []
let answered = 0
const real = engineSocket(engine)
const recorder: EngineHandler = async (request) => {
  const sent = await textOf(request.body)
  const response = await real({
    ...request,
    ...(sent !== '' && { body: stream(Buffer.from(sent)) }),
  })
  const keep = (body: string): void => {
    answered = Date.now()
    exchanges.push({
      method: request.method,
      path: request.path,
      ...(sent !== '' && { sent }),
      status: response.status,
      contentType: response.headers['content-type'] ?? '',
      body,
    })
  }
  const { upgrade } = response
  if (upgrade) {
    return {
      ...response,
      upgrade: async (connection) => {
        const { near, far } = duplexPair()
        const done = upgrade(far)
        connection.readable.pipeTo(near.writable).catch(() => undefined)
        const [seen, passed] = near.readable.tee()
        const kept = bytesOf(seen)
        await passed.pipeTo(connection.writable)
        keep((await kept).toString('base64'))
        await done
      },
    }
  }
  // A wait is answered at once and told later: pass it on as it comes.
  if (/\/wait|\/events|follow=1/.test(request.path)) {
    const [seen, passed] = (response.body ?? stream(Buffer.alloc(0))).tee()
    bytesOf(seen).then(
      (bytes) => keep(bytes.toString()),
      // The CLI went before the container did.
      () => keep(''),
    )
    return { ...response, body: passed }
  }
  const bytes = await bytesOf(response.body)
  keep(bytes.toString())
  const headers = { ...response.headers }
  delete headers['transfer-encoding']
  return { ...response, headers, ...(response.body && { body: stream(bytes) }) }
}

const socket = join(tmpdir(), `drydock-record-${process.pid}.sock`)
const listening = await listen({ path: socket }, recorder, () => 'record')

const run = (argv: readonly string[]): Promise<Omit<Recording, 'argv' | 'exchanges' | 'now'>> =>
  new Promise((resolve) => {
    const child = spawn(program, argv, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: '/root',
        DOCKER_HOST: listening.address,
        DOCKER_CLI_HINTS: 'false',
      },
    })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (text) => (stdout += String(text)))
    child.stderr.on('data', (text) => (stderr += String(text)))
    child.on('close', (code) => resolve({ stdout, stderr, code: code ?? -1 }))
  })

const commands = JSON.parse(readFileSync(join(folder, 'commands.json'), 'utf8')) as Readonly<
  Record<string, readonly (readonly string[])[]>
>
for (const [name, list] of Object.entries(commands)) {
  const recordings: Recording[] = []
  for (const argv of list) {
    exchanges = []
    answered = Date.now()
    const result = await run(argv)
    await new Promise((resolve) => setTimeout(resolve, 100))
    // Texts of usage need no engine.
    recordings.push({
      argv,
      now: answered,
      ...result,
      exchanges: exchanges.filter(({ path }) => path !== '/_ping'),
    })
  }
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(recordings, undefined, 1)}\n`)
}
rmSync(socket, { force: true })
process.exit(0)
