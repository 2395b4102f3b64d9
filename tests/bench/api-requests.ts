import { Agent, request, type IncomingMessage } from 'node:http'

/** A client of the Engine API with connections that are kept, as a program's own client has: no CLI in the figures. */
export class ApiRequests implements Disposable {
  readonly #agent = new Agent({ keepAlive: true })
  readonly #socket: string

  constructor(socketPath: string) {
    this.#socket = socketPath
  }

  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { status, text } = await this.#exchange(method, path, body)
    if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  /** For answers that are streams of JSON. */
  async drain(method: string, path: string): Promise<string> {
    const { status, text } = await this.#exchange(method, path)
    if (status >= 400 || text.includes('"errorDetail"'))
      throw new Error(`${method} ${path}: ${text}`)
    return text
  }

  /** Send a body that is no JSON. */
  async load(body: Uint8Array, path: string): Promise<void> {
    const { status, text } = await this.#exchange('POST', path, body)
    if (status >= 400 || text.includes('"errorDetail"')) throw new Error(`POST ${path}: ${text}`)
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  #exchange(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const raw = body instanceof Uint8Array
      const content = body === undefined || body instanceof Uint8Array ? body : JSON.stringify(body)
      const sent = request(
        {
          socketPath: this.#socket,
          agent: this.#agent,
          method,
          path: `/v1.51${path}`,
          headers:
            content === undefined
              ? {}
              : {
                  'content-type': raw ? 'application/x-tar' : 'application/json',
                  'content-length': Buffer.byteLength(content),
                },
        },
        (response: IncomingMessage) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => {
            text += chunk
          })
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
          response.on('error', reject)
        },
      )
      sent.on('error', reject)
      sent.end(content)
    })
  }
}

/** What `docker run --rm --network NETWORK busybox true` asks of the engine, without the terminal part. */
export async function runTrue(api: ApiRequests, network = 'none'): Promise<void> {
  const { Id } = await api.json<{ Id: string }>('POST', '/containers/create', {
    Image: 'busybox',
    Cmd: ['true'],
    HostConfig: { NetworkMode: network, AutoRemove: true },
  })
  const waiting = api.json<{ StatusCode: number }>(
    'POST',
    `/containers/${Id}/wait?condition=removed`,
  )
  await api.json('POST', `/containers/${Id}/start`)
  const { StatusCode } = await waiting
  if (StatusCode !== 0) throw new Error(`true ended with ${StatusCode}`)
}

/** What `docker exec c1 true` asks of the engine. */
export async function execTrue(api: ApiRequests, container: string): Promise<void> {
  const { Id } = await api.json<{ Id: string }>('POST', `/containers/${container}/exec`, {
    Cmd: ['true'],
    AttachStdout: true,
    AttachStderr: true,
  })
  await api.json('POST', `/exec/${Id}/start`, { Detach: false })
  for (;;) {
    const { Running, ExitCode } = await api.json<{ Running: boolean; ExitCode: number | null }>(
      'GET',
      `/exec/${Id}/json`,
    )
    if (Running) continue
    if (ExitCode !== 0) throw new Error(`true ended with ${ExitCode}`)
    return
  }
}

/** Milliseconds of each of `count` calls, one after the other. */
export async function timed(count: number, action: () => Promise<unknown>): Promise<number[]> {
  const samples: number[] = []
  for (let index = 0; index < count; index++) {
    const started = performance.now()
    await action()
    samples.push(performance.now() - started)
  }
  return samples
}
