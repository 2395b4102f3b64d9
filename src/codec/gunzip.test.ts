import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

const text = Buffer.concat([Buffer.alloc(300_000, 'drydock '), randomBytes(200_000)])
const stream = (bytes: Uint8Array, size = 5000): ReadableStream<Uint8Array> => {
  let at = 0
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close()
      controller.enqueue(bytes.subarray(at, at + size))
      at += size
    },
  })
}
const all = async (readable: ReadableStream<Uint8Array>): Promise<Buffer> =>
  Buffer.from(await new Response(readable as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer())

// Browsers' DecompressionStream refuses a second member: there the script does it all.
describe.each(['native', 'script'])('gunzip, %s', (kind) => {
  let gunzip: (source: ReadableStream<Uint8Array>) => ReadableStream<Uint8Array>
  beforeEach(async () => {
    vi.resetModules()
    if (kind === 'script') vi.stubGlobal('DecompressionStream', undefined)
    ;({ gunzip } = await import('./gunzip.ts'))
  })
  afterEach(() => void vi.unstubAllGlobals())

  test('inflates one member', async () => {
    expect((await all(gunzip(stream(gzipSync(text))))).equals(text)).toBe(true)
  })

  test.each([1, 7, 5000, 1 << 24])(
    'inflates many members from chunks of %i bytes',
    async (size) => {
      const parts = Array.from({ length: 300 }, (_, at) => text.subarray(at * 100, at * 100 + 90))
      const bytes = Buffer.concat([...parts.map((part) => gzipSync(part)), gzipSync('')])
      expect((await all(gunzip(stream(bytes, size)))).equals(Buffer.concat(parts))).toBe(true)
    },
  )

  test.each([0, 5, 1000, 150_000])('refuses what ends after %i bytes', async (length) => {
    const cut = gzipSync(text).subarray(0, length)
    await expect(all(gunzip(stream(cut)))).rejects.toMatchObject({
      code: 'invalid-parameter',
      message: expect.stringContaining('gzip:') as string,
    })
  })

  test('refuses what ends anywhere', async () => {
    const whole = gzipSync(Buffer.concat([Buffer.alloc(2000, 'drydock '), randomBytes(300)]))
    for (let length = 0; length < whole.length; length++) {
      await expect(all(gunzip(stream(whole.subarray(0, length)))), `${length}`).rejects.toThrow(
        'gzip: unexpected EOF',
      )
    }
  })

  test('refuses noise', async () => {
    await expect(all(gunzip(stream(randomBytes(50_000))))).rejects.toMatchObject({
      code: 'invalid-parameter',
    })
  })

  test("passes the source's own error on", async () => {
    const error = new Error('connection reset')
    let sent = false
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent) return controller.error(error)
        sent = true
        controller.enqueue(gzipSync(text).subarray(0, 1000))
      },
    })
    await expect(all(gunzip(broken))).rejects.toBe(error)
  })

  test('cancels its source', async () => {
    let cancelled = false
    const endless = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(gzipSync(text).subarray(0, 100_000)),
      cancel: () => void (cancelled = true),
    })
    const reader = gunzip(endless).getReader()
    await reader.read()
    await reader.cancel()
    await vi.waitFor(() => expect(cancelled).toBe(true))
  })
})
