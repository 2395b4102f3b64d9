// Runs in a worker of a real browser: the stores of IndexedDB over reloads, gzip of many members. Answers with what it found.
import { gunzip } from '../../src/codec/gunzip.ts'
import { sha256 } from '../../src/codec/sha256.ts'
import type { Digest } from '../../src/core/digest.ts'
import { IdbBlobStore } from '../../src/storage/idb/blob-store.ts'
import { EngineDatabase } from '../../src/storage/idb/database.ts'
import { IdbLogStore } from '../../src/storage/idb/log-store.ts'
import { IdbRecordStore } from '../../src/storage/idb/record-store.ts'

/** Bytes that only the seed decides, and that don't compress. */
function bytesOf(seed: number, size: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(size / 4))
  let state = seed
  for (let at = 0; at < words.length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    words[at] = state
  }
  return new Uint8Array(words.buffer, 0, size)
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
}

const SIZE = 20_000_001

const steps = {
  async write() {
    await using database = await EngineDatabase.open('e2e')
    await using blobs = await IdbBlobStore.open(database)
    const start = performance.now()
    const { digest } = await blobs.write(pieces(bytesOf(1, SIZE)))
    const milliseconds = performance.now() - start
    await using reader = await blobs.open(digest)
    const cached = reader.read(1000, 500_000) instanceof Uint8Array
    const records = new IdbRecordStore(database)
    await records.commit([
      { kind: 'image', key: 'a', value: { digest } },
      { kind: 'image', key: 'b', value: 1 },
    ])
    const logs = new IdbLogStore(database)
    logs.append('c', [{ stream: 'stdout', time: 't', bytes: Uint8Array.of(0, 255) }])
    await logs.flush()
    // Left by halves, as by a tab that was closed.
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for (let seed = 0; ; seed++) yield bytesOf(seed, 1 << 20)
    }
    blobs.write(endless()).catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 300))
    return { digest, cached, milliseconds }
  },

  async read() {
    await using database = await EngineDatabase.open('e2e')
    await using blobs = await IdbBlobStore.open(database)
    const chunks = await database.run(['chunks'], 'readonly', (store) => store('chunks').count())
    const records = await new IdbRecordStore(database).list('image')
    const { digest } = records.get('a') as { digest: Digest }
    await using reader = await blobs.open(digest)
    const start = performance.now()
    const parts: Uint8Array[] = []
    let later = 0
    for (let at = 0; at < reader.size; at += 500_000) {
      const part = reader.read(at, 500_000)
      if (!(part instanceof Uint8Array)) later++
      parts.push(await part)
    }
    const milliseconds = performance.now() - start
    const whole = new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer())
    const log: number[][] = []
    for await (const { bytes } of new IdbLogStore(database).read('c')) log.push([...bytes])
    return {
      same: (await sha256(whole)) === digest,
      chunks,
      records: [...records.keys()],
      log,
      later,
      milliseconds,
    }
  },

  /** @returns the error of a write that doesn't fit, and whether all is as before */
  async fill() {
    await using database = await EngineDatabase.open('e2e')
    await using blobs = await IdbBlobStore.open(database)
    const error = await blobs.write(pieces(bytesOf(2, 80_000_000))).then(
      () => undefined,
      (reason: unknown) => reason as { code?: unknown; message?: unknown },
    )
    const list: unknown[] = []
    for await (const blob of blobs.list()) list.push(blob)
    await using again = await IdbBlobStore.open(database)
    const { size } = await again.write(pieces(bytesOf(3, 2_000_000)))
    const left = await database.run(['pending'], 'readonly', (store) => store('pending').count())
    const chunks = await database.run(['chunks'], 'readonly', (store) => store('chunks').count())
    return { code: error?.code, message: error?.message, blobs: list.length, size, left, chunks }
  },

  async gunzip() {
    const parts: Uint8Array[] = []
    for (let seed = 0; seed < 20; seed++) {
      const stream = new Blob([bytesOf(seed, 10_000) as Uint8Array<ArrayBuffer>]).stream()
      const member = stream.pipeThrough(new CompressionStream('gzip'))
      parts.push(new Uint8Array(await new Response(member).arrayBuffer()))
    }
    const whole = gunzip(new Blob(parts as BlobPart[]).stream())
    const bytes = await new Response(whole as ReadableStream<Uint8Array<ArrayBuffer>>).bytes()
    return { size: bytes.length }
  },
}

addEventListener('message', ({ data }: MessageEvent<keyof typeof steps>) => {
  const scope = globalThis as unknown as { postMessage(value: unknown): void }
  void steps[data]()
    .catch((error: unknown) => ({ failed: String(error) }))
    .then((answer) => scope.postMessage(answer))
})
