import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FrameStream } from '../../src/machine/frame-stream.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import { noise } from '../support/noise.ts'
import { startMachine } from '../support/guest.ts'

let machine: GuestMachine
beforeAll(async () => {
  machine = await startMachine()
}, 120_000)
afterAll(async () => {
  await machine[Symbol.asyncDispose]()
})

/** All the data up to the end frame. */
async function readAll(stream: FrameStream): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for (;;) {
    const frame = await stream.read()
    if (!frame) throw new Error('The stream was cut off')
    if (frame.kind === 'end') return Buffer.concat(parts)
    parts.push(frame.payload)
  }
}

const equal = (left: Uint8Array, right: Uint8Array) => Buffer.compare(left, right) === 0

describe('streams', () => {
  test('50 at once carry their own bytes', async () => {
    await Promise.all(
      Array.from({ length: 50 }, async (_, number) => {
        const random = noise(number)
        const sent = random.bytes(100_000 + random.below(100_000))
        const stream = await machine.openStream({ channel: 'echo' })
        const echoed = readAll(stream)
        for (let offset = 0; offset < sent.length;) {
          const length = 1 + random.below(40_000)
          await stream.write('data', sent.subarray(offset, offset + length))
          offset += length
        }
        await stream.write('end')
        expect(equal(await echoed, sent)).toBe(true)
      }),
    )
  })

  test('an unread one stops its writer and bounds memory, others go on', async () => {
    const size = 64 * 1024 * 1024
    const before = process.memoryUsage()
    const unread = await machine.openStream({ channel: 'source', bytes: size, write: 65_536 })
    // Others go on for as long as the unread one had for all of its bytes, and more.
    for (let round = 0; round < 3; round++) {
      const other = await machine.openStream({ channel: 'source', bytes: size, write: 65_536 })
      let received = 0
      for (let frame = await other.read(); frame?.kind === 'data'; frame = await other.read()) {
        received += frame.payload.length
      }
      expect(received).toBe(size)
      expect(await machine.guest.ping()).toBeLessThan(1_000)
    }
    const { arrayBuffers } = process.memoryUsage()
    expect(arrayBuffers - before.arrayBuffers).toBeLessThan(size / 2)
    expect((await readAll(unread)).length).toBe(size)
  })

  test('a guest that does not read stops the host', async () => {
    const stream = await machine.openStream({ channel: 'echo' })
    let sent = 0
    const flood = (async () => {
      for (;;) {
        await stream.write('data', new Uint8Array(65_536))
        sent += 65_536
      }
    })()
    flood.catch(() => undefined)
    await expect
      .poll(
        async () => {
          const before = sent
          await new Promise((resolve) => void setTimeout(resolve, 100))
          return sent === before
        },
        { timeout: 20_000 },
      )
      .toBe(true)
    // Both directions are full: the host's two buffers, the guest's two and guestd's own.
    expect(sent).toBeLessThan(4 * 1024 * 1024)
    stream.reset(new Error('enough'))
  })

  test('half-close: the other direction goes on', async () => {
    const stream = await machine.openStream({ channel: 'sink' })
    await stream.write('data', new Uint8Array(300_000))
    await stream.write('end')
    expect((await readAll(stream)).length).toBe(0)
  })

  test('a reset frees both sides', async () => {
    for (let count = 0; count < 100; count++) {
      const stream = await machine.openStream({ channel: 'source', bytes: 1e9, write: 4096 })
      await stream.read()
      stream.reset(new Error('enough'))
    }
    expect(await machine.guest.ping()).toBeLessThan(1_000)
  })

  test('what is no frame is cut off, and an end is not an abort', async () => {
    const stream = await machine.openStream({ channel: 'echo' })
    await stream.write('data', Uint8Array.of(1))
    expect((await stream.read())?.payload).toEqual(Uint8Array.of(1))
    // Not allowed here.
    await stream.write('stdin', Uint8Array.of(1))
    await expect(readAll(stream)).rejects.toThrow()
    const unknown = await machine.openStream({ channel: 'nonsense' } as never)
    await expect(readAll(unknown)).rejects.toThrow()
    expect(await machine.guest.ping()).toBeLessThan(1_000)
  })

  test('noise does no harm to guestd', async () => {
    for (let seed = 0; seed < 40; seed++) {
      const random = noise(seed)
      const stream = await machine.openStream({ channel: seed % 2 ? 'control' : 'echo' })
      const kinds = ['open', 'request', 'cancel', 'data', 'end', 'stdin', 'pong', 'event'] as const
      try {
        for (let count = 0; count < 10; count++) {
          const kind = kinds[random.below(kinds.length)] ?? 'data'
          if (kind === 'end') await stream.write(kind)
          else await stream.write(kind, random.bytes(random.below(60)))
        }
      } catch {
        // Cut off: that is the point.
      }
      stream.reset(new Error('enough'))
    }
    expect(await machine.guest.ping()).toBeLessThan(1_000)
  })
})
