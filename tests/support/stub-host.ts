import type { FileRequest, Invocation } from '../../src/core/stub-protocol.ts'
import { stubFrame } from '../../src/core/stub-protocol.ts'
import type { GuestConnection } from '../../src/ports/machine/guest.ts'

export interface StubFrame {
  readonly kind: keyof typeof stubFrame
  readonly payload: Buffer
}

const names = new Map<number, StubFrame['kind']>(
  Object.entries(stubFrame).map(([name, number]) => [number, name as StubFrame['kind']]),
)

/** The host's end of one invocation of the `docker` stub, frame by frame. */
export class StubHost {
  #invocation: Invocation | undefined
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>
  #bytes = Buffer.alloc(0)

  private constructor(
    reader: ReadableStreamDefaultReader<Uint8Array>,
    writer: WritableStreamDefaultWriter<Uint8Array>,
  ) {
    this.#reader = reader
    this.#writer = writer
  }

  static async accept(connection: GuestConnection): Promise<StubHost> {
    const host = new StubHost(
      connection.stream.readable.getReader(),
      connection.stream.writable.getWriter(),
    )
    const frame = await host.read()
    if (frame?.kind !== 'invoke') throw new Error('The stub did not begin with invoke')
    host.#invocation = JSON.parse(frame.payload.toString()) as Invocation
    return host
  }

  get invocation(): Invocation {
    if (!this.#invocation) throw new Error('Not accepted')
    return this.#invocation
  }

  /** Undefined when the stub is gone. */
  async read(): Promise<StubFrame | undefined> {
    for (;;) {
      const length = this.#bytes.length >= 8 ? this.#bytes.readUInt32LE(0) : undefined
      if (length !== undefined && this.#bytes.length >= 8 + length) {
        const kind = names.get(this.#bytes[4] ?? 0)
        if (!kind) throw new Error('A frame of an unknown kind')
        const payload = this.#bytes.subarray(8, 8 + length)
        this.#bytes = this.#bytes.subarray(8 + length)
        return { kind, payload }
      }
      const { value, done } = await this.#reader
        .read()
        .catch(() => ({ value: undefined, done: true }))
      if (done || !value) return undefined
      this.#bytes = Buffer.concat([this.#bytes, value])
    }
  }

  async write(kind: keyof typeof stubFrame, payload: Uint8Array | string = ''): Promise<void> {
    const content = Buffer.from(payload)
    const frame = Buffer.alloc(8 + content.length)
    frame.writeUInt32LE(content.length)
    frame[4] = stubFrame[kind]
    content.copy(frame, 8)
    await this.#writer.write(frame)
  }

  async pull(bytes = 65_536): Promise<StubFrame | undefined> {
    const count = Buffer.alloc(4)
    count.writeUInt32LE(bytes)
    await this.write('pull', count)
    return this.read()
  }

  async file(request: FileRequest): Promise<void> {
    await this.write('file', JSON.stringify(request))
  }

  async exit(code: number): Promise<void> {
    await this.write('exit', Uint8Array.of(code))
  }
}
