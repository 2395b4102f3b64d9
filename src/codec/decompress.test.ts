import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { EngineError } from '../core/error.ts'
import { compressionOf, decompressed, type Compression } from './decompress.ts'

const LONG = { maxBuffer: 64 * 1024 * 1024 }
const python = (module: string, input: Uint8Array): Uint8Array =>
  execFileSync(
    'python3',
    [
      '-c',
      `import sys,${module};sys.stdout.buffer.write(${module}.compress(sys.stdin.buffer.read()))`,
    ],
    { input, ...LONG },
  )

/** The original programs. */
const compress: Readonly<Record<Compression, (input: Uint8Array) => Uint8Array>> = {
  gzip: (input) => gzipSync(input),
  bzip2: (input) => python('bz2', input),
  xz: (input) => python('lzma', input),
  zstd: (input) => execFileSync('zstd', ['-q', '-c'], { input, ...LONG }),
}
const kinds = Object.keys(compress) as Compression[]

/** In pieces of every length from 1 byte on. */
function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0
  let step = 1
  return new ReadableStream({
    pull: (controller) => {
      if (at >= bytes.length) controller.close()
      else controller.enqueue(bytes.slice(at, (at += step)))
      step = Math.min(step * 2, 65_536)
    },
  })
}

const plain = async (bytes: Uint8Array): Promise<Uint8Array> =>
  new Uint8Array(await new Response(await decompressed(streamOf(bytes))).arrayBuffer())

const texts: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', new Uint8Array()],
  ['a byte', Uint8Array.of(0)],
  ['one byte many times', new Uint8Array(3_000_000).fill(7)],
  [
    'runs of every length',
    Buffer.concat(Array.from({ length: 600 }, (_, n) => Buffer.alloc(n, n))),
  ],
  ['words', Buffer.from('to be or not to be, '.repeat(100_000))],
  ['noise of more than two blocks', randomBytes(1_000_001)],
]

test.each(kinds.flatMap((kind) => texts.map(([name, bytes]) => [kind, name, bytes] as const)))(
  '%s of %s',
  async (kind, _, bytes) => {
    const packed = compress[kind](bytes)
    expect(compressionOf(packed)).toBe(kind)
    expect(Buffer.compare(await plain(packed), bytes)).toBe(0)
  },
)

test.each(['gzip', 'bzip2', 'zstd'] as const)('%s of two members', async (kind) => {
  const two = Buffer.concat([
    compress[kind](Buffer.from('one ')),
    compress[kind](Buffer.from('two')),
  ])
  expect(Buffer.from(await plain(two)).toString()).toBe('one two')
})

test.each(kinds)('%s that ends too early is told of', async (kind) => {
  const packed = compress[kind](Buffer.from('to be or not to be, '.repeat(5000)))
  for (const length of [8, 20, packed.length >> 1, packed.length - 5]) {
    const failure = await plain(packed.subarray(0, length)).catch((error: unknown) => error)
    expect(failure, `${length}`).toBeInstanceOf(EngineError)
    expect((failure as EngineError).message).toMatch(
      kind === 'xz' ? /^xz: / : `${kind}: unexpected EOF`,
    )
  }
})

test.each(['bzip2', 'xz'] as const)('%s with a bit turned is told of', async (kind) => {
  const packed = Uint8Array.from(compress[kind](randomBytes(10_000)))
  for (let at = 200; at < packed.length - 100; at += 997) {
    const other = packed.slice()
    other[at] = (other[at] ?? 0) ^ 4
    await expect(plain(other)).rejects.toThrow(`${kind}: `)
  }
})

test('what is compressed with nothing passes', async () => {
  expect(Buffer.from(await plain(Buffer.from('BZ'))).toString()).toBe('BZ')
})

test.each(kinds)('%s that is left half-way', async (kind) => {
  for (const length of [10, 500_000]) {
    const stream = await decompressed(streamOf(compress[kind](randomBytes(length))))
    const reader = stream.getReader()
    expect((await reader.read()).value?.length).toBeGreaterThan(0)
    await reader.cancel()
  }
  expect(Buffer.from(await plain(compress[kind](Buffer.from('next')))).toString()).toBe('next')
})
