import { encodeName } from '../name-bytes.ts'
import { HEADER } from './wire.ts'

const UINT32 = 2 ** 32
/** Every qid's version: layers never change, and Linux caches nothing whose version is 0 (fs/9p/fid.h). */
const QID_VERSION = 1

/** Writes frames one after the other into one buffer: a finished frame is valid until the next `begin`. */
export class FrameWriter {
  readonly bytes: Uint8Array
  readonly #view: DataView
  at: number = HEADER

  constructor(size: number) {
    this.bytes = new Uint8Array(size)
    this.#view = new DataView(this.bytes.buffer)
  }

  begin(type: number, tag: number): this {
    this.#view.setUint8(4, type)
    this.#view.setUint16(5, tag, true)
    this.at = HEADER
    return this
  }

  finish(): Uint8Array {
    this.#view.setUint32(0, this.at, true)
    return this.bytes.subarray(0, this.at)
  }

  u8(value: number): this {
    this.#view.setUint8(this.at, value)
    this.at += 1
    return this
  }

  u16(value: number): this {
    this.#view.setUint16(this.at, value, true)
    this.at += 2
    return this
  }

  u32(value: number): this {
    this.#view.setUint32(this.at, value, true)
    this.at += 4
    return this
  }

  u64(value: number): this {
    this.#view.setUint32(this.at, value % UINT32, true)
    this.#view.setUint32(this.at + 4, Math.floor(value / UINT32), true)
    this.at += 8
    return this
  }

  /** Put a u32 where room was left for it. */
  u32At(at: number, value: number): void {
    this.#view.setUint32(at, value, true)
  }

  raw(bytes: Uint8Array): this {
    this.bytes.set(bytes, this.at)
    this.at += bytes.length
    return this
  }

  name(name: string): this {
    const start = this.at + 2
    for (let index = 0; index < name.length; index++) {
      const code = name.charCodeAt(index)
      if (code >= 0x80) return this.#otherName(name)
      this.#view.setUint8(start + index, code)
    }
    this.#view.setUint16(this.at, name.length, true)
    this.at = start + name.length
    return this
  }

  #otherName(name: string): this {
    const bytes = encodeName(name)
    return this.u16(bytes.length).raw(bytes)
  }

  qid(type: number, path: number): this {
    this.#view.setUint8(this.at, type)
    this.#view.setUint32(this.at + 1, QID_VERSION, true)
    this.#view.setUint32(this.at + 5, path, true)
    this.#view.setUint32(this.at + 9, 0, true)
    this.at += 13
    return this
  }
}
