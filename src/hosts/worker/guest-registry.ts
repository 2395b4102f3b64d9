import { HttpConnection } from '../../codec/http/connection.ts'
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
  networks: Pick<MachineNetworks, 'dial'>,
  registry: string,
): ((request: RegistryRequest) => Promise<RegistryResponse>) | undefined {
  const found = loopback.exec(registry)
  if (!found) return undefined
  const port = Number(found[1] ?? 80)
  return (request) => send(networks, port, request)
}

async function send(
  networks: Pick<MachineNetworks, 'dial'>,
  port: number,
  { registry, method, path, headers, body, signal }: RegistryRequest,
): Promise<RegistryResponse> {
  const duplex = await networks
    .dial({ protocol: 'tcp', address: '127.0.0.1', port }, signal)
    .catch((cause: unknown) => {
      signal?.throwIfAborted()
      const why = cause instanceof Error ? cause.message : String(cause)
      const message = `Get "http://${registry}/v2/": dial tcp 127.0.0.1:${port}: connect: ${why}`
      throw new EngineError('internal', message, { cause })
    })
  const connection = new HttpConnection(duplex, {
    onIdle: () => connection.close(),
    onClosed: () => undefined,
  })
  const answer = await connection.request(
    {
      method,
      target: path,
      headers: { host: registry, ...headers, connection: 'close' },
      ...(body && body.length > 0 && { body: slices(body), bodyLength: body.length }),
    },
    signal ?? new AbortController().signal,
  )
  return {
    status: answer.status,
    headers: answer.headers,
    body: answer.body ?? new Blob().stream(),
  }
}

function slices(body: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0
  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        controller.enqueue(body.subarray(at, at + SLICE))
        at += SLICE
        if (at >= body.length) controller.close()
      },
    },
    { highWaterMark: 0 },
  )
}
