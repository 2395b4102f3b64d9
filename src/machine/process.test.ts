import { describe, expect, test } from 'vitest'
import { duplexPair } from '../../tests/support/duplex-pair.ts'
import { FrameStream } from './frame-stream.ts'
import { GuestProcess } from './process.ts'

async function start() {
  const [near, far] = duplexPair()
  const guest = new FrameStream(far)
  await guest.writeJson('started', { pid: 42, offsets: { stdout: 0, stderr: 0 } })
  return { process: await GuestProcess.started(new FrameStream(near), false), guest }
}

const text = (value: string) => new TextEncoder().encode(value)

describe('process', () => {
  test('gives both streams, an end and an exit', async () => {
    const { process, guest } = await start()
    await guest.write('stdout', text('out'))
    await guest.write('stderr', text('err'))
    await guest.writeJson('exited', { code: 3, oomKilled: false })
    await guest.write('output-end', Uint8Array.of(1))
    await guest.write('output-end', Uint8Array.of(2))
    await guest.end()
    const chunks: string[] = []
    for await (const chunk of process.output) {
      chunks.push(`${chunk.stream}:${new TextDecoder().decode(chunk.bytes)}`)
    }
    expect(chunks).toEqual(['stdout:out', 'stderr:err'])
    expect(await process.exited).toEqual({ kind: 'exited', code: 3, oomKilled: false })
  })

  test('reads on for the exit when its output is cancelled', async () => {
    const { process, guest } = await start()
    await process.output.cancel()
    for (let count = 0; count < 50; count++) await guest.write('stdout', new Uint8Array(65_536))
    await guest.writeJson('exited', { code: 0, oomKilled: true })
    expect(await process.exited).toEqual({ kind: 'exited', code: 0, oomKilled: true })
  })

  test('an unread process stops its writer', async () => {
    const { guest } = await start()
    let written = 0
    const flood = (async () => {
      for (;;) {
        await guest.write('stdout', new Uint8Array(65_536))
        written++
      }
    })()
    flood.catch(() => undefined)
    await new Promise((resolve) => void setTimeout(resolve, 50))
    // 128 KiB of read-ahead, and the few chunks of the test's own pipe.
    expect(written).toBeLessThan(20)
  })

  test('a broken stream is an error of the output and a loss of the process', async () => {
    const { process, guest } = await start()
    await guest.write('stdout', text('half'))
    guest.reset(new Error('gone'))
    await expect(
      (async () => {
        for await (const _ of process.output);
      })(),
    ).rejects.toThrow('gone')
    expect(await process.exited).toEqual({ kind: 'lost', reason: 'gone' })
    await expect(process.stdin.getWriter().closed).rejects.toThrow('The process has exited')
  })

  test('a refusal carries the guest its code', async () => {
    const [near, far] = duplexPair()
    await new FrameStream(far).writeJson('failed', { code: 'not-found', message: 'exec: "x": …' })
    await expect(GuestProcess.started(new FrameStream(near), false)).rejects.toMatchObject({
      code: 'invalid-parameter',
      message: 'exec: "x": …',
      cause: { code: 'not-found' },
    })
  })

  test('stdin is cut into frames and ends', async () => {
    const { process, guest } = await start()
    const writer = process.stdin.getWriter()
    const written = writer.write(new Uint8Array(100_000))
    expect((await guest.read())?.payload.length).toBe(65_536)
    expect((await guest.read())?.payload.length).toBe(34_464)
    await written
    await writer.close()
    expect((await guest.read())?.kind).toBe('stdin-end')
  })
})
