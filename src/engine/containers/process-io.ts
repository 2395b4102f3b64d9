import type { OutputChunk } from '../../ports/machine/processes.ts'

/** Takes output of a process. Whoever returns a promise is waited for: a slow client slows its container, as in Docker. */
export interface OutputSink {
  write(chunk: OutputChunk): void | Promise<void>
  /** After the last byte. */
  end(): void
}

/**
 * What flows in and out of one run of a process: made before it starts, so that clients may attach first. One reader
 * feeds the log and every client.
 */
export class ProcessIo {
  readonly #sinks = new Set<OutputSink>()
  readonly #input = new TransformStream<Uint8Array, Uint8Array>()
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined
  #ended = false
  #inputClosed = false

  /** @returns takes the sink away again, without ending it */
  add(sink: OutputSink, place: 'first' | 'last' = 'last'): () => void {
    if (this.#ended) sink.end()
    else if (place === 'first') {
      const others = [...this.#sinks]
      this.#sinks.clear()
      for (const each of [sink, ...others]) this.#sinks.add(each)
    } else this.#sinks.add(sink)
    return () => this.#sinks.delete(sink)
  }

  /** Reads until the end of the output, or until it breaks; then `end` is due. */
  async pump(output: ReadableStream<OutputChunk>): Promise<void> {
    const reader = output.getReader()
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        const waits: Promise<void>[] = []
        for (const sink of this.#sinks) {
          const wait = this.#give(sink, value)
          if (wait) waits.push(wait)
        }
        if (waits.length > 0) await Promise.all(waits)
      }
    } catch {
      // The guest is lost with the rest of the output; the exit status tells why.
    }
  }

  #give(sink: OutputSink, chunk: OutputChunk): Promise<void> | undefined {
    const drop = (): void => void this.#sinks.delete(sink)
    try {
      return sink.write(chunk)?.catch(drop) ?? undefined
    } catch {
      drop()
      return undefined
    }
  }

  /** Ends every sink; further ones end at once. */
  end(): void {
    this.#ended = true
    for (const sink of this.#sinks) sink.end()
    this.#sinks.clear()
  }

  /** Input waits here until the process has started and reads. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#writer ??= this.#input.writable.getWriter()
    await this.#writer.ready
    await this.#writer.write(bytes)
  }

  closeInput(): void {
    if (this.#inputClosed) return
    this.#inputClosed = true
    this.#writer ??= this.#input.writable.getWriter()
    this.#writer.close().catch(() => undefined)
  }

  /** Connects what was written to the process. Its death only ends the input. */
  feed(stdin: WritableStream<Uint8Array>): void {
    this.#input.readable.pipeTo(stdin).catch(() => undefined)
  }
}
