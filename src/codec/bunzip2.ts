import { EngineError } from '../core/error.ts'

/** Compressed bytes of one block at most: 900,000 symbols of 20 bits, and its tables. */
const BLOCK_MAX = 2_400_000
const BLOCK_MAGIC = 0x314159265359
const END_MAGIC = 0x177245385090
const LENGTH_MAX = 20
/** Symbols that share a table's choice. */
const GROUP = 50

const damaged = (what: string): EngineError =>
  new EngineError('invalid-parameter', `bzip2: ${what}`)

/**
 * Inflate bzip2, of many members too, a block at a time (the format as bzip2 1.0.8 writes it).
 * @throws EngineError `invalid-parameter` when it is no bzip2, damaged or truncated
 */
export async function* bunzip2(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const input = source[Symbol.asyncIterator]()
  const bits = new Bits()
  const fill = async (): Promise<void> => {
    while (bits.left < BLOCK_MAX) {
      const { done, value } = await input.next()
      if (done === true) return
      bits.append(value)
    }
  }
  try {
    await fill()
    do {
      yield* member(bits, fill)
      bits.align()
      await fill()
    } while (bits.left > 0)
  } finally {
    await input.return?.()
  }
}

async function* member(bits: Bits, fill: () => Promise<void>): AsyncGenerator<Uint8Array> {
  if (bits.read(24) !== 0x425a68) throw damaged('bad magic value')
  const level = bits.read(8) - 0x30
  if (level < 1 || level > 9) throw damaged('invalid block size')
  const symbols = new Uint32Array(level * 100_000)
  let total = 0
  for (;;) {
    const magic = bits.read(24) * 0x1000000 + bits.read(24)
    const checksum = ((bits.read(16) << 16) | bits.read(16)) >>> 0
    if (magic === END_MAGIC) {
      if (checksum !== total) throw damaged('checksum mismatch')
      return
    }
    if (magic !== BLOCK_MAGIC) throw damaged('bad magic value')
    const bytes = block(bits, symbols)
    const own = checksumOf(bytes)
    if (own !== checksum) throw damaged('checksum mismatch')
    total = (((total << 1) | (total >>> 31)) ^ own) >>> 0
    yield bytes
    await fill()
  }
}

/** Bits from the highest down. */
class Bits {
  #bytes = new Uint8Array()
  #at = 0
  #held = 0
  #count = 0

  /** Whole bytes that weren't looked at. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  append(more: Uint8Array): void {
    const bytes = new Uint8Array(this.left + more.length)
    bytes.set(this.#bytes.subarray(this.#at))
    bytes.set(more, this.left)
    this.#bytes = bytes
    this.#at = 0
  }

  /** @param count 24 at most */
  read(count: number): number {
    while (this.#count < count) {
      if (this.#at >= this.#bytes.length) throw damaged('unexpected EOF')
      this.#held = ((this.#held & 0xffffff) << 8) | (this.#bytes[this.#at++] ?? 0)
      this.#count += 8
    }
    this.#count -= count
    return (this.#held >>> this.#count) & ((1 << count) - 1)
  }

  /** To the next whole byte. */
  align(): void {
    this.#count = 0
  }
}

/** Canonical prefix codes of one table. */
class Codes {
  /** By length: the largest code, and what to take off for the place among all. */
  readonly #limits = new Int32Array(LENGTH_MAX + 2).fill(-1)
  readonly #bases = new Int32Array(LENGTH_MAX + 2)
  readonly #order: Uint16Array
  readonly #shortest: number

  constructor(lengths: Uint8Array) {
    const order: number[] = []
    let code = 0
    this.#shortest = Math.min(...lengths)
    for (let length = this.#shortest; length <= LENGTH_MAX; length++) {
      this.#bases[length] = code - order.length
      for (const [symbol, own] of lengths.entries()) {
        if (own !== length) continue
        order.push(symbol)
        code++
      }
      this.#limits[length] = code - 1
      code <<= 1
    }
    this.#order = Uint16Array.from(order)
  }

  next(bits: Bits): number {
    let length = this.#shortest
    let code = bits.read(length)
    while (length <= LENGTH_MAX && code > (this.#limits[length] ?? 0)) {
      code = (code << 1) | bits.read(1)
      length++
    }
    const symbol = this.#order[code - (this.#bases[length] ?? 0)]
    if (length > LENGTH_MAX || symbol === undefined) throw damaged('invalid code')
    return symbol
  }
}

/** One block's bytes. @param symbols room for as many as a block may have */
function block(bits: Bits, symbols: Uint32Array): Uint8Array {
  if (bits.read(1) === 1) throw damaged('deprecated randomized files are not supported')
  const origin = bits.read(24)
  const used = usedBytes(bits)
  if (used.length === 0) throw damaged('no symbols in input')
  const { tables, selectors } = readTables(bits, used.length + 2)
  const end = used.length + 1
  const counts = new Uint32Array(256)
  let count = 0
  let run = 0
  let power = 1
  const put = (byte: number, times: number): void => {
    if (count + times > symbols.length) throw damaged('block overflow')
    symbols.fill(byte, count, count + times)
    counts[byte] = (counts[byte] ?? 0) + times
    count += times
  }
  for (let at = 0; ; at++) {
    const table = tables[selectors[Math.floor(at / GROUP)] ?? -1]
    if (!table) throw damaged('insufficient selectors')
    const symbol = table.next(bits)
    if (symbol < 2) {
      run += power << symbol
      power <<= 1
      if (run > symbols.length) throw damaged('repeat count too large')
      continue
    }
    if (run > 0) {
      put(used[0] ?? 0, run)
      run = 0
      power = 1
    }
    if (symbol === end) break
    const byte = used[symbol - 1] ?? 0
    used.copyWithin(1, 0, symbol - 1)
    used[0] = byte
    put(byte, 1)
  }
  if (origin >= count) throw damaged('pointer out of bounds')
  return unrun(symbols, count, transform(symbols, counts, count, origin))
}

function usedBytes(bits: Bits): Uint8Array {
  const rows = bits.read(16)
  const used: number[] = []
  for (let row = 0; row < 16; row++) {
    if ((rows & (0x8000 >> row)) === 0) continue
    const columns = bits.read(16)
    for (let column = 0; column < 16; column++) {
      if ((columns & (0x8000 >> column)) !== 0) used.push(row * 16 + column)
    }
  }
  return Uint8Array.from(used)
}

function readTables(
  bits: Bits,
  size: number,
): { readonly tables: readonly Codes[]; readonly selectors: Uint8Array } {
  const count = bits.read(3)
  if (count < 2 || count > 6) throw damaged('invalid number of tables')
  const selectors = new Uint8Array(bits.read(15))
  const recent = Uint8Array.from({ length: count }, (_, index) => index)
  for (let index = 0; index < selectors.length; index++) {
    let place = 0
    while (bits.read(1) === 1) if (++place >= count) throw damaged('table index too large')
    const chosen = recent[place] ?? 0
    recent.copyWithin(1, 0, place)
    recent[0] = chosen
    selectors[index] = chosen
  }
  const tables: Codes[] = []
  for (let index = 0; index < count; index++) {
    const lengths = new Uint8Array(size)
    let length = bits.read(5)
    for (let symbol = 0; symbol < size; symbol++) {
      for (;;) {
        if (length < 1 || length > LENGTH_MAX) throw damaged('code length out of range')
        if (bits.read(1) === 0) break
        length += bits.read(1) === 0 ? 1 : -1
      }
      lengths[symbol] = length
    }
    tables.push(new Codes(lengths))
  }
  return { tables, selectors }
}

/** Prepares the way back through Burrows' and Wheeler's transform. @returns where it begins */
function transform(
  symbols: Uint32Array,
  counts: Uint32Array,
  count: number,
  origin: number,
): number {
  const starts = new Uint32Array(256)
  for (let byte = 0, sum = 0; byte < 256; byte++) {
    starts[byte] = sum
    sum += counts[byte] ?? 0
  }
  for (let at = 0; at < count; at++) {
    const byte = (symbols[at] ?? 0) & 0xff
    const place = starts[byte] ?? 0
    starts[byte] = place + 1
    symbols[place] = ((symbols[place] ?? 0) & 0xff) | (at << 8)
  }
  return (symbols[origin] ?? 0) >>> 8
}

/** Four equal bytes are followed by how many more of them there are. */
function unrun(symbols: Uint32Array, count: number, first: number): Uint8Array {
  let bytes = new Uint8Array(count + 1024)
  let length = 0
  let place = first
  let last = -1
  let same = 0
  for (let index = 0; index < count; index++) {
    const entry = symbols[place] ?? 0
    const byte = entry & 0xff
    place = entry >>> 8
    const times = same === 4 ? byte : 1
    if (length + times > bytes.length) {
      const larger = new Uint8Array(bytes.length * 2)
      larger.set(bytes)
      bytes = larger
    }
    if (same === 4) {
      bytes.fill(last, length, length + times)
      same = 0
      last = -1
    } else {
      bytes[length] = byte
      same = byte === last ? same + 1 : 1
      last = byte
    }
    length += times
  }
  return bytes.subarray(0, length)
}

/** CRC-32 as bzip2 has it: highest bit first. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24
  for (let bit = 0; bit < 8; bit++) value = (value << 1) ^ (value < 0 ? 0x04c11db7 : 0)
  return value
})

function checksumOf(bytes: Uint8Array): number {
  let value = -1
  for (const byte of bytes) value = (value << 8) ^ (TABLE[(value >>> 24) ^ byte] ?? 0)
  return ~value >>> 0
}
