import { afterAll, beforeAll, expect, test } from 'vitest'
import { FRAME_HEADER_SIZE } from '../../src/core/guest-protocol.ts'
import { stubFrame, type Invocation } from '../../src/core/stub-protocol.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import type { GuestConnection } from '../../src/ports/machine/guest.ts'
import { processSpec } from '../support/container-spec.ts'
import { BUSYBOX, finish, startMachine } from '../support/guest.ts'

let machine: GuestMachine
let connections: ReadableStreamDefaultReader<GuestConnection>
beforeAll(async () => {
  machine = await startMachine({ hostRoot: { tree: BUSYBOX } })
  connections = machine.guest.connections.getReader()
}, 120_000)
afterAll(async () => {
  await machine[Symbol.asyncDispose]()
})

const onHost = (host: string, args: readonly string[]) =>
  machine.processes.runOnHost({ host, process: processSpec(args, { cwd: '/tmp' }) })

const frame = (kind: number, payload: Uint8Array) => {
  const bytes = new Uint8Array(FRAME_HEADER_SIZE + payload.length)
  new DataView(bytes.buffer).setUint32(0, payload.length, true)
  bytes[4] = kind
  bytes.set(payload, FRAME_HEADER_SIZE)
  return bytes
}

async function accept(service: GuestConnection['service']) {
  const { value } = await connections.read()
  if (value?.service !== service) throw new Error(`Not ${service}`)
  return { reader: value.stream.readable.getReader(), writer: value.stream.writable.getWriter() }
}

test('docker in the host root reaches the command line client, which decides how it ends', async () => {
  const docker = await onHost('docker', ['docker', 'ps', '-a'])
  const { reader, writer } = await accept('docker-cli')
  const { value } = await reader.read()
  expect(value?.[4]).toBe(stubFrame.invoke)
  const text = new TextDecoder().decode(value?.subarray(FRAME_HEADER_SIZE))
  const invocation = JSON.parse(text) as Invocation
  expect(invocation).toMatchObject({ cwd: '/tmp', tty: [false, false, false] })
  expect(invocation.argv.slice(-2)).toEqual(['ps', '-a'])
  await writer.write(frame(stubFrame.stdout, new TextEncoder().encode('listed\n')))
  await writer.write(frame(stubFrame.exit, Uint8Array.of(7)))
  expect(await finish(docker)).toMatchObject({ stdout: 'listed\n', exit: { code: 7 } })
})

test('a client that dies is the end of its connection', async () => {
  await onHost('dying', ['docker', 'logs', '-f'])
  const { reader } = await accept('docker-cli')
  await reader.read()
  await machine.processes.signal({ host: 'dying' }, 9)
  await expect(
    (async () => {
      while (!(await reader.read()).done);
    })(),
  ).resolves.toBeUndefined()
})

test('50 clients at once', async () => {
  const clients = Array.from({ length: 50 }, async (_, number) =>
    finish(await onHost(`client${number}`, ['docker', String(number)])),
  )
  for (let count = 0; count < 50; count++) {
    const { reader, writer } = await accept('docker-cli')
    const { value } = await reader.read()
    const { argv } = JSON.parse(
      new TextDecoder().decode(value?.subarray(FRAME_HEADER_SIZE)),
    ) as Invocation
    await writer.write(frame(stubFrame.stdout, new TextEncoder().encode(argv.at(-1) ?? '')))
    await writer.write(frame(stubFrame.exit, Uint8Array.of(0)))
  }
  const answers = await Promise.all(clients)
  expect(answers.map(({ stdout }) => stdout)).toEqual(answers.map((_, number) => String(number)))
})
