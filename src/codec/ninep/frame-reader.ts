import { decodeName } from '../name-bytes.ts'

const UINT32 = 2 ** 32

/** Reads the fields of a frame in order. @throws RangeError past the frame's end */
export class FrameReader {
  #bytes: Uint8Array
  #view: DataView
  #at = 0

  constructor(frame: Uint8Array) {
    this.#bytes = frame
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  }

  u8(): number {
    return this.#view.getUint8(this.#at++)
  }

  u16(): number {
    this.#at += 2
    return this.#view.getUint16(this.#at - 2, true)
  }

  u32(): number {
    this.#at += 4
    return this.#view.getUint32(this.#at - 4, true)
  }

  /** Beyond 2^53 the low bits are lost: no offset is that large. */
  u64(): number {
    const low = this.u32()
    return this.u32() * UINT32 + low
  }

  /** A view, valid as long as the frame is. */
  raw(length: number): Uint8Array {
    const end = this.#at + length
    if (end > this.#bytes.length) throw new RangeError('past the end of the frame')
    const bytes = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return bytes
  }

  name(): string {
    return decodeName(this.raw(this.u16()))
  }
}
