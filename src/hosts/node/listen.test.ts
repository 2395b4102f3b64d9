import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import type { EngineHandler } from '../../core/engine-http.ts'
import { lockData } from './data-lock.ts'
import { listen } from './listen.ts'

const folder = mkdtempSync(join(tmpdir(), 'drydock-listen-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const text = (value: string): ReadableStream<Uint8Array> => new Blob([value]).stream()
const hello: EngineHandler = async () => ({ status: 200, headers: {}, body: text('hello') })
const id = (): string => 'r'

function exchange(path: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket: Socket = connect({ path, allowHalfOpen: true })
    socket.on('data', (chunk) => {
      answer += chunk.toString()
    })
    socket.once('end', () => resolve(answer))
    socket.once('error', reject)
    socket.write(request)
  })
}

test('serves on a socket that only its owner may use, and removes it at the end', async () => {
  const path = join(folder, 'a.sock')
  {
    await using listening = await listen({ path }, hello, id)
    expect(listening.address).toBe(`unix://${path}`)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(await exchange(path, 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n')).toContain('hello')
  }
  expect(() => statSync(path)).toThrow('ENOENT')
})

test('replaces the socket of an engine that was killed, not that of a living one', async () => {
  const path = join(folder, 'b.sock')
  writeFileSync(path, '')
  await using _first = await listen({ path }, hello, id)
  await expect(listen({ path }, hello, id)).rejects.toMatchObject({ code: 'conflict' })
})

test('serves on a loopback port', async () => {
  await using listening = await listen({ host: '127.0.0.1', port: 0 }, hello, id)
  const response = await fetch(listening.address.replace('tcp:', 'http:'))
  expect(await response.text()).toBe('hello')
})

test('says why an address can not be listened on', async () => {
  await expect(listen({ path: join(folder, 'none', 'x.sock') }, hello, id)).rejects.toThrow(
    /Cannot listen on .*x\.sock: /,
  )
})

test('hijacks with half-close: output still comes after the client ended its side', async () => {
  const path = join(folder, 'c.sock')
  await using _listening = await listen(
    { path },
    async () => ({
      status: 200,
      headers: {},
      upgrade: async ({ readable, writable }) => {
        const input = await new Response(readable).text()
        const writer = writable.getWriter()
        await writer.write(new TextEncoder().encode(`[${input}]`))
        await writer.close()
      },
    }),
    id,
  )
  const answer = await new Promise<string>((resolve) => {
    let output = ''
    const socket = connect({ path, allowHalfOpen: true })
    socket.on('data', (chunk) => {
      output += chunk.toString()
    })
    socket.once('end', () => resolve(output))
    socket.end('POST /attach HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\ninput')
  })
  expect(answer).toMatch(/^HTTP\/1.1 101 UPGRADED\r\n[^]*\r\n\r\n\[input\]$/)
})

test('a client that does not read stops the body, and its leaving frees it', async () => {
  const path = join(folder, 'd.sock')
  let sent = 0
  let cancelled = (): void => undefined
  const gone = new Promise<void>((resolve) => {
    cancelled = resolve
  })
  const body = (): ReadableStream<Uint8Array> =>
    new ReadableStream({
      pull: (controller) => {
        sent += 65_536
        controller.enqueue(new Uint8Array(65_536))
      },
      cancel: () => cancelled(),
    })
  await using _listening = await listen(
    { path },
    async () => ({ status: 200, headers: {}, body: body() }),
    id,
  )
  const socket = connect(path)
  socket.pause()
  socket.write('GET / HTTP/1.1\r\n\r\n')
  await vi.waitUntil(async () => {
    const before = sent
    await new Promise((resolve) => setTimeout(resolve, 100))
    return sent > 0 && sent === before
  })
  expect(sent).toBeLessThan(4 * 1024 * 1024)
  socket.destroy()
  await gone
})

test('a data folder has one engine', async () => {
  const data = join(folder, 'data', 'x'.repeat(120))
  {
    await using _lock = await lockData(data)
    await expect(lockData(data)).rejects.toMatchObject({ code: 'conflict' })
  }
  await using _again = await lockData(data)
})
