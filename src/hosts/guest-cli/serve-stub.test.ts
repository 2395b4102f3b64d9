import { describe, expect, test } from 'vitest'
import { duplexPair, type DuplexPair } from '../../client/duplex-pair.ts'
import { textOf } from '../../client/api-client.ts'
import { FRAME_HEADER_SIZE } from '../../core/guest-protocol.ts'
import { stubFrame } from '../../core/stub-protocol.ts'
import type { CliHost } from '../../ports/cli-host.ts'
import { serveStub, type RunCommand } from './serve-stub.ts'
import { encodeStubFrame, type StubFrameKind } from './stub-frames.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const names = new Map<number, StubFrameKind>(
  Object.entries(stubFrame).map(([name, number]) => [number, name as StubFrameKind]),
)
const invocation = {
  argv: ['ps', '-a'],
  cwd: '/root',
  env: ['HOME=/root', 'EMPTY=', 'A=b=c'],
  tty: [true, false, true],
  size: { cols: 80, rows: 24 },
}

/** The guest's end: what it sends, and what it is sent, frame by frame. */
class Stub {
  readonly done: Promise<void>
  readonly #pair: DuplexPair = duplexPair()
  readonly #writer = this.#pair.near.writable.getWriter()
  readonly #reader = this.#pair.near.readable.getReader()
  #bytes = new Uint8Array(0)

  constructor(run: RunCommand) {
    this.done = serveStub(this.#pair.far, run)
  }

  send(kind: StubFrameKind, ...parts: Uint8Array[]): Promise<void> {
    return this.#writer.write(encodeStubFrame(kind, ...parts))
  }

  raw(bytes: Uint8Array): Promise<void> {
    return this.#writer.write(bytes).catch(() => undefined)
  }

  invoke(): Promise<void> {
    return this.json('invoke', invocation)
  }

  json(kind: StubFrameKind, value: unknown): Promise<void> {
    return this.send(kind, encoder.encode(JSON.stringify(value)))
  }

  async next(): Promise<{ kind: StubFrameKind | undefined; payload: Uint8Array }> {
    for (;;) {
      if (this.#bytes.length >= FRAME_HEADER_SIZE) {
        const length = new DataView(this.#bytes.buffer).getUint32(0, true)
        const end = FRAME_HEADER_SIZE + length
        if (this.#bytes.length >= end) {
          const kind = names.get(this.#bytes[4] ?? 0)
          const payload = this.#bytes.slice(FRAME_HEADER_SIZE, end)
          this.#bytes = this.#bytes.slice(end)
          return { kind, payload }
        }
      }
      const { done, value } = await this.#reader.read()
      if (done) return { kind: undefined, payload: new Uint8Array(0) }
      this.#bytes = Uint8Array.from([...this.#bytes, ...value])
    }
  }

  close(): void {
    this.#pair.finish()
  }

  async finish(): Promise<void> {
    await this.#writer.close().catch(() => undefined)
    await this.done
  }
}

const words = (host: CliHost, text: string): Promise<void> =>
  host.stdout.write(encoder.encode(text))

describe('serveStub', () => {
  test('hands over the invocation, the output and the exit code', async () => {
    const stub = new Stub(async (host, argv) => {
      await words(
        host,
        `${argv.join(' ')} ${host.cwd} ${host.env['A']} ${host.tty.join()} ${host.size().cols}`,
      )
      await host.stderr.write(encoder.encode('oh'))
      return 7
    })
    await stub.invoke()
    expect(decoder.decode((await stub.next()).payload)).toBe('ps -a /root b=c true,false,true 80')
    expect(await stub.next()).toEqual({ kind: 'stderr', payload: encoder.encode('oh') })
    expect(await stub.next()).toEqual({ kind: 'exit', payload: Uint8Array.of(7) })
    await stub.finish()
  })

  test('asks for stdin only when it is read', async () => {
    const stub = new Stub(async (host) => {
      await words(host, 'first')
      await words(host, await textOf(host.stdin))
      return 0
    })
    await stub.invoke()
    expect((await stub.next()).kind).toBe('stdout')
    expect((await stub.next()).kind).toBe('pull')
    await stub.send('stdin', encoder.encode('typed'))
    expect((await stub.next()).kind).toBe('pull')
    await stub.send('stdin-end')
    expect(decoder.decode((await stub.next()).payload)).toBe('typed')
    expect((await stub.next()).kind).toBe('exit')
    await stub.finish()
  })

  test('signals, sizes and the raw mode', async () => {
    const stub = new Stub(async (host) => {
      const signal = new Promise<string>((resolve) => host.onSignal(resolve))
      const size = new Promise<string>((resolve) =>
        host.onResize(() => resolve(`${host.size().cols}x${host.size().rows}`)),
      )
      await host.setRawMode(true)
      await words(host, `${await signal} ${await size}`)
      return 0
    })
    await stub.invoke()
    expect(await stub.next()).toEqual({ kind: 'raw-mode', payload: Uint8Array.of(1) })
    await stub.send('signal', Uint8Array.of(2))
    await stub.send('resize', Uint8Array.of(0x2c, 1, 40, 0))
    expect(decoder.decode((await stub.next()).payload)).toBe('SIGINT 300x40')
    expect((await stub.next()).kind).toBe('exit')
    await stub.finish()
  })

  test('files: content, facts and failures', async () => {
    const stub = new Stub(async (host) => {
      await words(host, await textOf(host.files.read('/etc/hostname')))
      await words(host, (await host.files.stat('/x')).kind)
      await host.files.list('/nope').catch((error: Error) => words(host, error.message))
      await host.files.write('/new', new Blob(['abc']).stream(), { mode: 0o600, exclusive: true })
      return 0
    })
    const request = async (): Promise<{ id: number }> =>
      JSON.parse(decoder.decode((await stub.next()).payload)) as { id: number }
    const id = (number: number): Uint8Array => Uint8Array.of(number, 0, 0, 0)
    await stub.invoke()
    expect(await request()).toEqual({ id: 1, op: 'read', path: '/etc/hostname' })
    await stub.send('file-data', id(1), encoder.encode('drydock'))
    await stub.send('file-data', id(1))
    await stub.json('reply', { id: 1, result: null })
    expect(decoder.decode((await stub.next()).payload)).toBe('drydock')
    expect(await request()).toEqual({ id: 2, op: 'stat', path: '/x' })
    await stub.json('reply', {
      id: 2,
      result: { kind: 'file', mode: 0o644, uid: 0, gid: 0, size: 1, mtime: 1.5 },
    })
    expect(decoder.decode((await stub.next()).payload)).toBe('file')
    expect(await request()).toEqual({ id: 3, op: 'list', path: '/nope' })
    await stub.json('reply', {
      id: 3,
      error: { code: 'ENOENT', message: 'No such file or directory' },
    })
    expect(decoder.decode((await stub.next()).payload)).toBe(
      'open /nope: no such file or directory',
    )
    expect(await request()).toEqual({
      id: 4,
      op: 'write',
      path: '/new',
      mode: 0o600,
      exclusive: true,
    })
    expect(await stub.next()).toEqual({
      kind: 'file-content',
      payload: Uint8Array.of(4, 0, 0, 0, 97, 98, 99),
    })
    expect(await stub.next()).toEqual({ kind: 'file-content', payload: id(4) })
    await stub.json('reply', { id: 4, result: null })
    expect((await stub.next()).kind).toBe('exit')
    await stub.finish()
  })

  test('a stub that is killed ends what the command waits for', async () => {
    let reason: unknown
    const stub = new Stub(async (host) => {
      await textOf(host.stdin).catch((error: unknown) => {
        reason = error
      })
      expect(host.gone.aborted).toBe(true)
      return 0
    })
    await stub.invoke()
    expect((await stub.next()).kind).toBe('pull')
    stub.close()
    await stub.done
    expect(reason).toBeInstanceOf(Error)
  })

  test.each([
    ['no invocation', encodeStubFrame('stdin-end')],
    ['no JSON', encodeStubFrame('invoke', encoder.encode('{'))],
    ['a wrong invocation', encodeStubFrame('invoke', encoder.encode('{"argv":[1]}'))],
    ['an unknown kind', Uint8Array.of(0, 0, 0, 0, 0x7f, 0, 0, 0)],
    ['a kind that only the host sends', encodeStubFrame('exit', Uint8Array.of(0))],
    ['a frame that is too large', Uint8Array.of(0, 0, 0, 0xff, 0x30, 0, 0, 0)],
  ])('cuts off a stub with %s', async (_, bytes) => {
    let started = false
    const stub = new Stub(async () => {
      started = true
      return 0
    })
    await stub.raw(bytes)
    await stub.done
    expect(started).toBe(false)
  })

  test('stands whatever a hostile stub sends', async () => {
    // Reproducible: the generator of Numerical Recipes.
    let state = 42
    const random = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state % below
    }
    const fromStub = [
      'stdin',
      'stdin-end',
      'signal',
      'resize',
      'reply',
      'file-data',
      'invoke',
    ] as const
    for (let round = 0; round < 300; round++) {
      const stub = new Stub(async (host) => {
        const ignore = (): void => undefined
        await Promise.all([
          textOf(host.stdin).catch(ignore),
          textOf(host.files.read('/f')).catch(ignore),
          host.files.list('/d').catch(ignore),
          host.files.stat('/s').catch(ignore),
        ])
        return 0
      })
      const drained = (async () => {
        while ((await stub.next()).kind !== undefined);
      })().catch(() => undefined)
      await stub.invoke()
      for (let count = random(8); count > 0; count--) {
        const kind = fromStub[random(fromStub.length)] ?? 'reply'
        const payload = Uint8Array.from({ length: random(12) }, () => random(256))
        const json = JSON.stringify({
          id: random(5),
          result: [null, {}, { entries: [{}] }][random(3)],
        })
        const frame = encodeStubFrame(
          kind,
          kind === 'reply' && random(2) === 0 ? encoder.encode(json) : payload,
        )
        if (random(4) === 0) frame[random(frame.length)] = random(256)
        await stub.raw(frame)
      }
      stub.close()
      await Promise.all([stub.done, drained])
    }
  })
})
