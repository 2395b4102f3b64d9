import { stdcopyDecoder } from '../../src/codec/stdcopy.ts'
import type { EngineHandler } from '../../src/core/engine-http.ts'
import { openEngine, type CallOptions, type TestEngine } from './api-client.ts'
import { duplexPair } from './duplex-pair.ts'
import { ImageRegistry, tarOf } from './image-registry.ts'
import { ScriptedMachine } from './scripted-machine.ts'

export interface Hijacked {
  readonly status: number
  readonly contentType: string
  /** All output by stream, until the server closes. */
  readonly output: Promise<{ readonly stdout: string; readonly stderr: string }>
  /** Output so far. */
  seen(): string
  send(text: string): Promise<void>
  /** Half-close. */
  end(): Promise<void>
  /** The client vanishes. */
  vanish(): void
}

/** A hijacked connection, as the docker CLI opens it. */
export async function hijack(
  handler: EngineHandler,
  path: string,
  body?: unknown,
): Promise<Hijacked> {
  const gone = new AbortController()
  const response = await handler({
    method: 'POST',
    path,
    headers: { connection: 'Upgrade', upgrade: 'tcp', 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: new Blob([JSON.stringify(body)]).stream() }),
    signal: gone.signal,
    id: 'hijack',
  })
  const contentType = response.headers['content-type'] ?? ''
  const [client, server] = duplexPair()
  const seen = { stdout: '', stderr: '' }
  if (!response.upgrade) {
    throw new Error(`${response.status} ${await new Response(response.body ?? null).text()}`)
  }
  void response.upgrade(server)
  const decoder = new TextDecoder()
  const raw = contentType.endsWith('raw-stream')
  const output = (async () => {
    const add = (stream: 'stdout' | 'stderr', bytes: Uint8Array): void => {
      seen[stream] += decoder.decode(bytes)
    }
    if (raw) for await (const bytes of client.readable) add('stdout', bytes)
    else {
      for await (const { stream, bytes } of client.readable.pipeThrough(stdcopyDecoder())) {
        if (stream === 'stdout' || stream === 'stderr') add(stream, bytes)
      }
    }
    return seen
  })()
  output.catch(() => undefined)
  const writer = client.writable.getWriter()
  writer.closed.catch(() => undefined)
  return {
    status: response.status,
    contentType,
    output,
    seen: () => seen.stdout + seen.stderr,
    send: (text) => writer.write(new TextEncoder().encode(text)),
    end: () => writer.close(),
    vanish: () => gone.abort(new Error('client gone')),
  }
}

export interface Docker extends TestEngine {
  readonly machine: ScriptedMachine
  /** POST with a JSON body, whose answer's JSON is given back. */
  post<T>(path: string, body?: unknown, options?: CallOptions): Promise<T>
  hijack(path: string, body?: unknown): Promise<Hijacked>
  /** Creates a container. @returns its id */
  create(body: Readonly<Record<string, unknown>>, name?: string): Promise<string>
}

/** An engine over a scripted machine that has the image `demo`. */
export async function openDocker(options: Parameters<typeof openEngine>[0] = {}): Promise<Docker> {
  const registry = new ImageRegistry()
  registry.add('library/demo:latest', {
    layers: [
      tarOf({
        'etc/': '',
        'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nada:x:1000:1001::/home/ada:/bin/sh\n',
        'etc/group': 'root:x:0:\nada:x:1001:\nwheel:x:10:root,ada\n',
      }),
    ],
    config: {
      config: { Env: ['PATH=/bin', 'A=1'], Cmd: ['echo', 'hi'], Labels: { from: 'image' } },
    },
  })
  const machine = (options.machine as ScriptedMachine | undefined) ?? new ScriptedMachine()
  const test = await openEngine({ registry, ...options, machine })
  if (!options.records) await test.request('POST', '/images/create?fromImage=demo&tag=latest')
  const post = async <T>(path: string, body?: unknown, callOptions?: CallOptions): Promise<T> => {
    const answer = await test.request('POST', path, {
      ...callOptions,
      ...(body === undefined ? {} : { body }),
    })
    if (answer.status >= 400)
      throw new Error(`${answer.status} ${answer.json<{ message: string }>().message}`)
    return (answer.text === '' ? undefined : answer.json<T>()) as T
  }
  return {
    ...test,
    machine,
    post,
    hijack: (path, body) => hijack(test.handler, path, body),
    create: async (body, name) => {
      const query = name === undefined ? '' : `?name=${name}`
      const created = await post<{ Id: string }>(`/containers/create${query}`, {
        Image: 'demo',
        HostConfig: { NetworkMode: 'none' },
        ...body,
      })
      return created.Id
    },
    [Symbol.asyncDispose]: () => test[Symbol.asyncDispose](),
  }
}
