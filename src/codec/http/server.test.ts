import { describe, expect, test } from 'vitest'
import type { EngineHandler, EngineRequest } from '../../core/engine-http.ts'
import { serveConnection } from './server.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('latin1')

/** A connection whose client side is driven by the test. */
function openConnection(handler: EngineHandler): {
  send: (text: string) => Promise<void>
  end: () => Promise<void>
  output: () => string
  until: (text: string) => Promise<string>
  done: Promise<void>
  stop: () => void
} {
  const toServer = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: 16 })
  const writer = toServer.writable.getWriter()
  let output = ''
  const waiting = new Set<() => void>()
  const writable = new WritableStream<Uint8Array>({
    write: (chunk) => {
      output += decoder.decode(chunk)
      for (const wake of waiting) wake()
    },
  })
  const stop = new AbortController()
  let count = 0
  const done = serveConnection({ readable: toServer.readable, writable }, handler, {
    signal: stop.signal,
    requestId: () => `r${count++}`,
  })
  return {
    send: (text) => writer.write(encoder.encode(text)),
    end: () => writer.close(),
    output: () => output,
    until: async (text) => {
      while (!output.includes(text)) await new Promise<void>((resolve) => waiting.add(resolve))
      return output
    },
    done,
    stop: () => stop.abort(new Error('stopped')),
  }
}

const bytesOf = (text: string): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start: (controller) => {
      controller.enqueue(encoder.encode(text))
      controller.close()
    },
  })

async function textOf(stream: ReadableStream<Uint8Array> | undefined): Promise<string> {
  let text = ''
  if (stream) for await (const chunk of stream) text += decoder.decode(chunk)
  return text
}

const echo: EngineHandler = async (request) => {
  const text = await textOf(request.body)
  return { status: 200, headers: {}, body: bytesOf(`${request.method} ${request.path} [${text}]`) }
}

describe('serveConnection', () => {
  test('serves requests of one connection in turn, with lengths and chunks', async () => {
    const connection = openConnection(echo)
    await connection.send('POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello')
    await connection.until('[hello]')
    await connection.send(
      'POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n',
    )
    await connection.until('[abcde]')
    await connection.send('GET /c HTTP/1.1\r\n\r\nGET /d HTTP/1.1\r\nConnection: close\r\n\r\n')
    await connection.done
    expect(connection.output()).toContain('GET /d []')
    expect(connection.output().match(/HTTP\/1.1 200 OK/g)).toHaveLength(4)
  })

  test('answers 100 before it reads the body of a request that expects it', async () => {
    const connection = openConnection(echo)
    await connection.send('POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n')
    await connection.until('HTTP/1.1 100 Continue\r\n\r\n')
    await connection.send('ok')
    await connection.until('[ok]')
    connection.stop()
    await connection.done
  })

  test.each([
    ['GARBAGE\r\n\r\n', 'malformed HTTP request'],
    ['GET / HTTP/1.1\r\nbad header\r\n\r\n', 'malformed header line'],
    ['POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n', 'bad Content-Length'],
    [
      'POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      'repeated Content-Length',
    ],
    ['POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 'both length'],
    ['POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n', 'unsupported transfer encoding'],
    [`GET / HTTP/1.1\r\nA: ${'x'.repeat(70_000)}`, 'too large'],
  ])('answers 400 to %j and closes', async (bytes, message) => {
    const connection = openConnection(echo)
    await connection.send(bytes)
    await connection.done
    expect(connection.output()).toContain('HTTP/1.1 400 Bad Request')
    expect(connection.output()).toContain(message)
  })

  test('sends no body and no length with 204 and 304', async () => {
    const connection = openConnection(async () => ({ status: 304, headers: {} }))
    await connection.send('POST /start HTTP/1.1\r\nConnection: close\r\n\r\n')
    await connection.done
    expect(connection.output()).toMatch(/^HTTP\/1.1 304 Not Modified\r\nDate: [^\r]*\r\n\r\n$/)
  })

  test('flushes the head before the body is there', async () => {
    let finish = (): void => undefined
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        finish = () => {
          controller.enqueue(encoder.encode('{"StatusCode":3}\n'))
          controller.close()
        }
      },
    })
    const connection = openConnection(async () => ({ status: 200, headers: {}, body }))
    await connection.send('POST /wait HTTP/1.1\r\n\r\n')
    await connection.until('Transfer-Encoding: chunked\r\n')
    expect(connection.output()).not.toContain('StatusCode')
    finish()
    await connection.until('0\r\n\r\n')
    connection.stop()
  })

  test("aborts the request's signal when the client leaves", async () => {
    let request: EngineRequest | undefined
    const connection = openConnection(async (incoming) => {
      request = incoming
      await new Promise((resolve) => incoming.signal.addEventListener('abort', resolve))
      return { status: 200, headers: {} }
    })
    await connection.send('GET /events HTTP/1.1\r\n\r\n')
    await connection.end()
    await connection.done
    expect(request?.signal.aborted).toBe(true)
  })

  test('hijacks: 101, raw bytes both ways, and output after the client closed its half', async () => {
    const connection = openConnection(async (request) => {
      expect(await textOf(request.body)).toBe('{}')
      return {
        status: 200,
        headers: { 'content-type': 'application/vnd.docker.raw-stream' },
        upgrade: async ({ readable, writable }) => {
          const input = await textOf(readable)
          const writer = writable.getWriter()
          await writer.write(encoder.encode(`got ${input}`))
          await writer.close()
        },
      }
    })
    await connection.send(
      'POST /exec HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}raw ',
    )
    await connection.until('HTTP/1.1 101 UPGRADED\r\n')
    await connection.send('bytes')
    await connection.end()
    await connection.done
    expect(connection.output()).toMatch(/Upgrade: tcp\r\n\r\ngot raw bytes$/)
  })

  test('hijacks a request that asked for no upgrade with a 200', async () => {
    const connection = openConnection(async () => ({
      status: 200,
      headers: {},
      upgrade: async ({ writable }) => {
        const writer = writable.getWriter()
        await writer.write(encoder.encode('raw'))
        await writer.close()
      },
    }))
    await connection.send('POST /attach HTTP/1.1\r\n\r\n')
    await connection.done
    expect(connection.output()).toMatch(/^HTTP\/1.1 200 OK\r\n\r\nraw$/)
  })
})
