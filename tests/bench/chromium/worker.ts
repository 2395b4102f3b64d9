import { expose } from 'comlink'
import type { EngineHandler } from '../../../src/core/engine-http.ts'
import { Assets } from '../../../src/hosts/worker/assets.ts'
import { openEngine, type OpenEngine } from '../../../src/hosts/worker/open-engine.ts'
import { streamIn, streamOut } from '../guest-streams.ts'

/** The engine of the page, called as the page's own client calls it. */
class Bench {
  #engine: OpenEngine | undefined

  async open(assets: string): Promise<void> {
    this.#engine = await openEngine({
      assets: new Assets(assets, new AbortController().signal),
      engineId: 'bench',
      onProgress: () => undefined,
    })
    await this.#engine.machine.guest.info()
  }

  pull(image: string, tag: string): Promise<number[]> {
    return timed(1, () => this.#call('POST', `/images/create?fromImage=${image}&tag=${tag}`))
  }

  async removeImage(name: string): Promise<void> {
    await this.#call('DELETE', `/images/${name}`)
  }

  run(count: number): Promise<number[]> {
    return timed(count, async () => {
      const { Id } = await this.#call<{ Id: string }>('POST', '/containers/create', {
        Image: 'busybox',
        Cmd: ['true'],
        HostConfig: { NetworkMode: 'none', AutoRemove: true },
      })
      const waiting = this.#call('POST', `/containers/${Id}/wait?condition=removed`)
      await this.#call('POST', `/containers/${Id}/start`)
      await waiting
    })
  }

  async exec(count: number): Promise<number[]> {
    const { Id } = await this.#call<{ Id: string }>('POST', '/containers/create', {
      Image: 'busybox',
      Cmd: ['sleep', '1000'],
      HostConfig: { NetworkMode: 'none' },
    })
    await this.#call('POST', `/containers/${Id}/start`)
    const samples = await timed(count, async () => {
      const exec = await this.#call<{ Id: string }>('POST', `/containers/${Id}/exec`, {
        Cmd: ['true'],
        AttachStdout: true,
        AttachStderr: true,
      })
      await this.#call('POST', `/exec/${exec.Id}/start`, { Detach: false })
      const { ExitCode } = await this.#call<{ ExitCode: number | null }>(
        'GET',
        `/exec/${exec.Id}/json`,
      )
      if (ExitCode !== 0) throw new Error(`true ended with ${ExitCode}`)
    })
    await this.#call('DELETE', `/containers/${Id}?force=1`)
    return samples
  }

  async list(count: number): Promise<number[]> {
    const ids: string[] = []
    for (let index = 0; index < 10; index++) {
      const { Id } = await this.#call<{ Id: string }>('POST', '/containers/create', {
        Image: 'busybox',
      })
      ids.push(Id)
    }
    const samples = await timed(count, () => this.#call('GET', '/containers/json?all=1'))
    for (const id of ids) await this.#call('DELETE', `/containers/${id}`)
    return samples
  }

  /** Run a container with a volume at /data to its end. @returns what it printed */
  async output(image: string, command: readonly string[]): Promise<string> {
    const { Id } = await this.#call<{ Id: string }>('POST', '/containers/create', {
      Image: image,
      Cmd: command,
      Tty: true,
      HostConfig: { NetworkMode: 'none', Binds: ['data:/data'] },
    })
    await this.#call('POST', `/containers/${Id}/start`)
    const { StatusCode } = await this.#call<{ StatusCode: number }>(
      'POST',
      `/containers/${Id}/wait`,
    )
    const text = await this.#text('GET', `/containers/${Id}/logs?stdout=1&stderr=1`)
    if (StatusCode !== 0) throw new Error(`ended with ${StatusCode}: ${text}`)
    await this.#call('DELETE', `/containers/${Id}`)
    return text
  }

  ping(count: number): Promise<number[]> {
    return timed(count, () => this.#opened().machine.guest.ping())
  }

  streamOut(bytes: number): Promise<number> {
    return streamOut(this.#opened().machine, bytes)
  }

  streamIn(bytes: number): Promise<number> {
    return streamIn(this.#opened().machine, bytes)
  }

  #opened(): OpenEngine {
    if (!this.#engine) throw new Error('not opened')
    return this.#engine
  }

  async #call<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const text = await this.#text(method, path, body)
    return (path.startsWith('/images/create') || text === '' ? undefined : JSON.parse(text)) as T
  }

  async #text(method: string, path: string, body?: unknown): Promise<string> {
    const handler: EngineHandler = this.#opened().handler
    const response = await handler({
      method,
      path,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      signal: new AbortController().signal,
      id: 'bench',
      ...(body === undefined ? {} : { body: new Blob([JSON.stringify(body)]).stream() }),
    })
    if (response.upgrade) {
      const unread = new TransformStream<Uint8Array, Uint8Array>()
      const empty = new ReadableStream<Uint8Array>({ start: (controller) => controller.close() })
      const drained = unread.readable.pipeTo(new WritableStream()).catch(() => undefined)
      await response.upgrade({ readable: empty, writable: unread.writable })
      // It is the server that closes the connection then: here nobody does.
      void drained
      return ''
    }
    const text = await new Response(response.body ?? null).text()
    if (response.status >= 400 || text.includes('"errorDetail"')) {
      throw new Error(`${method} ${path}: ${response.status} ${text}`)
    }
    return text
  }
}

export type BenchWorker = Bench

async function timed(count: number, action: () => Promise<unknown>): Promise<number[]> {
  const samples: number[] = []
  for (let index = 0; index < count; index++) {
    const started = performance.now()
    await action()
    samples.push(performance.now() - started)
  }
  return samples
}

expose(new Bench())
