/** Lines kept for diagnostics. */
const LINES_MAX = 500
const LINE_MAX = 512

/** The guest's serial console: the kernel's words when nothing else answers. */
export class SerialLog {
  readonly #lines: string[] = []
  readonly #onLine: (line: string) => void
  #line = ''

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  get text(): string {
    return [...this.#lines, this.#line].join('\n')
  }

  push(byte: number): void {
    if (byte === 0x0a || this.#line.length >= LINE_MAX) {
      const line = this.#line
      this.#line = ''
      this.#lines.push(line)
      if (this.#lines.length > LINES_MAX) this.#lines.shift()
      this.#onLine(line)
    }
    if (byte !== 0x0a && byte !== 0x0d) this.#line += String.fromCharCode(byte)
  }
}
