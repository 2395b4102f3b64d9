import type { V86Cpu } from './v86-internals.ts'

/** The guest's physical memory. Addresses come from the guest and are checked. */
export class GuestMemory {
  readonly #cpu: V86Cpu
  readonly #base: number
  readonly size: number
  #buffer: ArrayBufferLike | undefined
  #bytes: Uint8Array = new Uint8Array(0)
  #view: DataView = new DataView(new ArrayBuffer(0))

  constructor(cpu: V86Cpu) {
    this.#cpu = cpu
    this.#base = cpu.mem8.byteOffset
    this.size = cpu.mem8.length
  }

  contains(address: number, length: number): boolean {
    return address >= 0 && length >= 0 && address + length <= this.size
  }

  u16(address: number): number {
    return this.#current().getUint16(address, true)
  }

  u32(address: number): number {
    return this.#current().getUint32(address, true)
  }

  setU16(address: number, value: number): void {
    this.#current().setUint16(address, value, true)
  }

  setU32(address: number, value: number): void {
    this.#current().setUint32(address, value, true)
  }

  copyOut(address: number, target: Uint8Array, offset: number, length: number): void {
    this.#current()
    target.set(this.#bytes.subarray(address, address + length), offset)
  }

  copyIn(address: number, source: Uint8Array): void {
    // The page may have held code before it became a buffer.
    this.#cpu.jit_dirty_cache(address, address + source.length)
    this.#current()
    this.#bytes.set(source, address)
  }

  fill(start: number, end: number): void {
    this.#current()
    this.#bytes.fill(0, start, end)
  }

  /** Views are detached when the wasm memory grows, as it does when code is compiled. */
  #current(): DataView {
    const { buffer } = this.#cpu.wasm_memory
    if (buffer !== this.#buffer) {
      this.#buffer = buffer
      this.#bytes = new Uint8Array(buffer, this.#base, this.size)
      this.#view = new DataView(buffer, this.#base, this.size)
    }
    return this.#view
  }
}
