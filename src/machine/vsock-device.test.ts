import { afterEach, describe, expect, test } from 'vitest'
import { noise } from '../../tests/support/noise.ts'
import { VsockGuest } from '../../tests/support/vsock-guest.ts'
import { VsockDevice } from './vsock-device.ts'
import { SHUTDOWN_RECEIVE, SHUTDOWN_SEND, vsockOperation as op } from './vsock-packet.ts'

const errors: unknown[] = []
const devices: VsockDevice[] = []
afterEach(() => {
  for (const device of devices.splice(0)) device[Symbol.dispose]()
  expect(errors.splice(0)).toEqual([])
})

function machine() {
  const guest = new VsockGuest()
  const device = new VsockDevice(guest.cpu, guest.memory, 3, (error) => errors.push(error))
  devices.push(device)
  guest.start(device.virtio)
  return { guest, device, virtio: device.virtio }
}

async function connected() {
  const parts = machine()
  const { guest, device, virtio } = parts
  const connecting = device.connect(1024)
  const [request] = guest.receive(virtio)
  expect(request?.header).toMatchObject({ operation: op.request, destinationPort: 1024 })
  const port = request?.header.sourcePort ?? 0
  guest.send(virtio, { operation: op.response, destinationPort: port })
  return { ...parts, port, connection: await connecting }
}

describe('vsock device', () => {
  test('refuses connections from the guest', () => {
    const { guest, virtio } = machine()
    guest.send(virtio, { operation: op.request, sourcePort: 7, destinationPort: 1024 })
    expect(guest.receive(virtio).map(({ header }) => header)).toMatchObject([
      { operation: op.reset, sourcePort: 1024, destinationPort: 7 },
    ])
  })

  test('a refused connection is an error', async () => {
    const { guest, device, virtio } = machine()
    const connecting = device.connect(99)
    const port = guest.receive(virtio)[0]?.header.sourcePort ?? 0
    guest.send(virtio, { operation: op.reset, sourcePort: 99, destinationPort: port })
    await expect(connecting).rejects.toMatchObject({ code: 'unavailable' })
    expect(device.connectionCount).toBe(0)
  })

  test('sends no more than the guest has room for', async () => {
    const { guest, device, virtio, port, connection } = await connected()
    const writer = connection.writable.getWriter()
    const written = writer.write(new Uint8Array(100_000))
    let received = 0
    const take = () => {
      for (const { header } of guest.receive(virtio)) received += header.length
      guest.notify(virtio, 0)
    }
    for (let count = 0; count < 20; count++) take()
    expect(received).toBe(65_536)
    guest.send(virtio, { operation: op.creditUpdate, destinationPort: port })
    for (let count = 0; count < 20; count++) take()
    expect(received).toBe(100_000)
    await written
    expect(device.connectionCount).toBe(1)
  })

  test('gives credit as the reader takes, and resets who oversteps it', async () => {
    const { guest, virtio, port, connection } = await connected()
    const chunk = new Uint8Array(65_536)
    for (let count = 0; count < 4; count++) guest.send(virtio, { destinationPort: port }, chunk)
    expect(guest.receive(virtio)).toEqual([])
    const reader = connection.readable.getReader()
    await reader.read()
    await reader.read()
    expect(guest.receive(virtio).at(-1)?.header).toMatchObject({
      operation: op.creditUpdate,
      forwarded: 131_072,
    })
    for (let count = 0; count < 3; count++) guest.send(virtio, { destinationPort: port }, chunk)
    expect(guest.receive(virtio).at(-1)?.header.operation).toBe(op.reset)
    await expect(reader.closed).rejects.toMatchObject({ code: 'unavailable' })
  })

  test('half-closes both ways', async () => {
    const { guest, device, virtio, port, connection } = await connected()
    guest.send(virtio, { destinationPort: port }, Uint8Array.of(1))
    guest.send(virtio, { operation: op.shutdown, flags: SHUTDOWN_SEND, destinationPort: port })
    const reader = connection.readable.getReader()
    expect((await reader.read()).value).toEqual(Uint8Array.of(1))
    expect((await reader.read()).done).toBe(true)
    const writer = connection.writable.getWriter()
    await writer.write(Uint8Array.of(2))
    await writer.close()
    const packets = guest.receive(virtio).map(({ header }) => header.operation)
    expect(packets).toEqual([op.data, op.reset])
    expect(device.connectionCount).toBe(0)
  })

  test('a closed end of the guest fails the writer', async () => {
    const { guest, virtio, port, connection } = await connected()
    const writer = connection.writable.getWriter()
    const flags = SHUTDOWN_SEND | SHUTDOWN_RECEIVE
    guest.send(virtio, { operation: op.shutdown, flags, destinationPort: port })
    await expect(writer.closed).rejects.toMatchObject({ code: 'unavailable' })
    expect(guest.receive(virtio).at(-1)?.header.operation).toBe(op.reset)
  })

  test('an aborted connect is taken back', async () => {
    const { guest, device, virtio } = machine()
    const abort = new AbortController()
    const connecting = device.connect(1024, abort.signal)
    const reason = new Error('enough')
    abort.abort(reason)
    await expect(connecting).rejects.toBe(reason)
    expect(guest.receive(virtio).at(-1)?.header.operation).toBe(op.reset)
    expect(device.connectionCount).toBe(0)
  })

  test('rings and packets of noise do no harm', () => {
    for (let seed = 0; seed < 400; seed++) {
      const { guest, device, virtio } = machine()
      const random = noise(seed)
      void device.connect(1024).catch(() => undefined)
      for (let count = 0; count < 30; count++) {
        if (random.below(3) === 0) {
          // Descriptors, rings and headers: anywhere in what the device reads.
          guest.memory.copyIn(0x1_0000 + random.below(0xc000), random.bytes(1 + random.below(64)))
          guest.notify(virtio, random.below(3))
        } else {
          guest.send(
            virtio,
            {
              operation: random.below(9),
              destinationPort: 0x1000_0000 + random.below(3),
              length: random.below(4) === 0 ? random.below(2 ** 32) : 0,
              sourceCid: random.below(5),
              flags: random.below(5),
              bufferSize: random.below(2 ** 32),
              forwarded: random.below(2 ** 32),
            },
            random.bytes(random.below(100)),
          )
        }
      }
      device[Symbol.dispose]()
    }
  })
})
