import type { CliOutput } from '../ports/cli-host.ts'

/** Nobody reads this output any more; a program dies of SIGPIPE then. */
export class BrokenPipe extends Error {
  override readonly name = 'BrokenPipe'
}

const encoder = new TextEncoder()

/** A descriptor that takes text. */
export class TextOutput {
  readonly #output: CliOutput

  constructor(output: CliOutput) {
    this.#output = output
  }

  async bytes(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return
    try {
      await this.#output.write(bytes)
    } catch (cause) {
      throw new BrokenPipe('write: broken pipe', { cause })
    }
  }

  write(text: string): Promise<void> {
    return this.bytes(encoder.encode(text))
  }

  line(text: string): Promise<void> {
    return this.write(`${text}\n`)
  }
}
