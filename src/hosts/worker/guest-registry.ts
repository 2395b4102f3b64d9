import { bodyBytes, framingOf } from '../../codec/http/body.ts'
import { ByteReader } from '../../codec/http/byte-reader.ts'
import { formatHead, parseResponseHead } from '../../codec/http/head.ts'
import { EngineError } from '../../core/error.ts'
import type { MachineNetworks } from '../../ports/machine/networks.ts'
import type { RegistryRequest, RegistryResponse } from '../../ports/registry-transport.ts'

/** Bytes of a request's body that are sent at once. */
const SLICE = 262_144

/** As Docker's insecure registries: what is on the machine itself is spoken to in plain HTTP. */
const loopback = /^(?:localhost|127\.\d+\.\d+\.\d+)(?::(\d+))?$/

/**
 * A registry that a container of the playground publishes: `localhost:5000`.
 * @returns undefined for a registry elsewhere
 */
export function registryOf(
  networks: MachineNetworks,
  registry: string,
): ((request: RegistryRequest) => Promise<RegistryResponse>) | undefined {
  const found = loopback.exec(registry)
  if (!found) return undefined
  const port = Number(found[1] ?? 80)
  return (request) => send(networks, port, request)
}

async function send(
  networks: MachineNetworks,
  port: number,
  { registry, method, path, headers, body = new Uint8Array(), signal }: RegistryRequest,
): Promise<RegistryResponse> {
  const connection = await networks
    .dial({ protocol: 'tcp', address: '127.0.0.1', port }, signal)
    .catch((cause: unknown) => {
      signal?.throwIfAborted()
      const why = cause instanceof Error ? cause.message : String(cause)
      const message = `Get "http://${registry}/v2/": dial tcp 127.0.0.1:${port}: connect: ${why}`
      throw new EngineError('internal', message, { cause })
    })
  const writer = connection.writable.getWriter()
  const reader = new ByteReader(connection.readable)
  const close = (): void => {
    void writer.abort().catch(() => undefined)
    void reader.cancel().catch(() => undefined)
  }
  signal?.addEventListener('abort', close, { once: true })
  try {
    const isRead = method === 'GET' || method === 'HEAD'
    const length = isRead ? {} : { 'content-length': String(body.length) }
    const fields = { host: registry, ...headers, ...length, connection: 'close' }
    await writer.write(formatHead(`${method} ${path} HTTP/1.1`, fields))
    for (let at = 0; at < body.length; at += SLICE) {
      await writer.write(body.subarray(at, at + SLICE))
    }
    const bytes = await reader.readHead()
    if (!bytes) throw new Error('the registry closed the connection before it answered')
    const head = parseResponseHead(bytes)
    const framing = framingOf(head.headers, 'until-close')
    const answer = bodyBytes(reader, method === 'HEAD' ? { kind: 'none' } : framing)
    return {
      status: head.status,
      headers: head.headers,
      body: new ReadableStream<Uint8Array>(
        {
          pull: async (controller) => {
            const { done, value } = await answer.next()
            if (done !== true) {
              controller.enqueue(value)
              return
            }
            controller.close()
            signal?.removeEventListener('abort', close)
            close()
          },
          cancel: close,
        },
        { highWaterMark: 0 },
      ),
    }
  } catch (error) {
    close()
    throw signal?.aborted === true ? signal.reason : error
  }
}
