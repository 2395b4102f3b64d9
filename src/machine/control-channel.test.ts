import { describe, expect, test } from 'vitest'
import { frameKind, type FrameKind, type GuestEvent } from '../core/guest-protocol.ts'
import { duplexPair } from '../../tests/support/duplex-pair.ts'
import { noise } from '../../tests/support/noise.ts'
import { ControlChannel } from './control-channel.ts'
import { parseJson } from './frame.ts'
import { FrameStream } from './frame-stream.ts'

const hello = {
  version: 1,
  build: '0123456789abcdef',
  kernel: '6.12',
  memoryBytes: 1,
  cpus: 1,
  features: [],
}

async function readJson(stream: FrameStream): Promise<Readonly<Record<string, unknown>>> {
  const frame = await stream.read()
  if (!frame) throw new Error('The stream ended')
  return parseJson(frame)
}

/** A channel to a guest whose part the test plays. */
async function connect(greeting: object = hello) {
  const [near, far] = duplexPair()
  const guest = new FrameStream(far)
  const events: GuestEvent[] = []
  const opening = ControlChannel.open(new FrameStream(near), (event) => events.push(event))
  expect(await readJson(guest)).toEqual({ channel: 'control' })
  await guest.writeJson('hello', greeting)
  const control = await opening
  return { control, guest, events }
}

describe('control channel', () => {
  test('refuses a guestd of another version', async () => {
    await expect(connect({ ...hello, version: 2 })).rejects.toThrow(
      'guestd speaks protocol 2, this engine 1',
    )
  })

  test('matches answers to requests in any order', async () => {
    const { control, guest } = await connect()
    const first = control.request({ op: 'stats', container: 'a' })
    const second = control.request({ op: 'stats', container: 'b' })
    const ids = [(await readJson(guest))['id'], (await readJson(guest))['id']]
    await guest.writeJson('response', { id: ids[1], result: 'b' })
    await guest.writeJson('response', {
      id: ids[0],
      error: { code: 'no-container', message: 'no a' },
    })
    await expect(second).resolves.toBe('b')
    await expect(first).rejects.toMatchObject({
      code: 'not-found',
      message: 'no a',
      cause: { code: 'no-container' },
    })
  })

  test('an aborted request is cancelled in the guest, whose late answer is ignored', async () => {
    const { control, guest, events } = await connect()
    const abort = new AbortController()
    const request = control.request({ op: 'delete', container: 'a' }, abort.signal)
    const { id } = await readJson(guest)
    const reason = new Error('the client left')
    abort.abort(reason)
    await expect(request).rejects.toBe(reason)
    const cancel = await guest.read()
    expect(cancel?.kind).toBe('cancel')
    expect(cancel && parseJson(cancel)).toEqual({ id })
    await guest.writeJson('response', { id, error: { code: 'cancelled', message: '' } })
    await guest.writeJson('event', { event: 'oom', container: 'a' })
    await expect.poll(() => events).toEqual([{ event: 'oom', container: 'a' }])
  })

  test('fails what waits when the stream ends', async () => {
    const { control, guest } = await connect()
    const request = control.request({ op: 'list' })
    const ping = control.ping()
    await guest.end()
    await expect(request).rejects.toMatchObject({ code: 'unavailable' })
    await expect(ping).rejects.toMatchObject({ code: 'unavailable' })
    await expect(control.closed).resolves.toMatchObject({ code: 'unavailable' })
  })

  test.each<[string, FrameKind, object]>([
    ['an answer to no question', 'response', { id: 99, result: 1 }],
    ['an event without a name', 'event', {}],
    ['a connection without a number', 'event', { event: 'connection', service: 'docker-cli' }],
    ['output', 'stdout', {}],
    ['a second hello', 'hello', hello],
  ])('cuts a guest off that sends %s', async (_, kind, value) => {
    const { control, guest } = await connect()
    await guest.writeJson(kind, value)
    await expect(control.closed).resolves.toMatchObject({ code: 'unavailable' })
    await expect(control.request({ op: 'list' })).rejects.toMatchObject({ code: 'unavailable' })
  })

  test('survives noise: each guest is cut off or understood, nothing else', async () => {
    for (let seed = 0; seed < 300; seed++) {
      const { control, guest } = await connect()
      const random = noise(seed)
      const request = control.request({ op: 'list' })
      request.catch(() => undefined)
      const kinds = Object.keys(frameKind) as FrameKind[]
      const values = [{ id: 1 }, { id: 'x' }, { id: 1, error: 3 }, { event: 7 }, [], 5, null]
      try {
        for (let count = 0; count < 5; count++) {
          const kind = kinds[random.below(kinds.length)] ?? 'event'
          if (kind === 'ping' || kind === 'pong')
            await guest.write(kind, random.bytes(random.below(64)))
          else if (kind.endsWith('end')) await guest.write(kind)
          else await guest.writeJson(kind, { ...(values[random.below(values.length)] as object) })
        }
        await guest.end()
      } catch {
        // Cut off: that is the point.
      }
      await expect(control.closed).resolves.toMatchObject({ code: 'unavailable' })
    }
  })
})
