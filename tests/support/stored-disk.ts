import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DISK_BLOCK } from '../../src/ports/disk-store.ts'
import { checkDisk } from './disk-image.ts'

/** A record as the page sends it: numbers in the address, data in the body. */
interface StoredRecord {
  readonly sequence: number
  readonly remaining: number
  readonly size: number
  readonly blocks: readonly number[]
  readonly discards: readonly number[]
  readonly data: Uint8Array
}

/** Takes what a page sends of its storage. */
export interface DiskReceiver extends AsyncDisposable {
  readonly url: string
  readonly records: StoredRecord[]
}

export async function diskReceiver(): Promise<DiskReceiver> {
  const records: StoredRecord[] = []
  const receive = async (request: IncomingMessage): Promise<void> => {
    const chunks: Uint8Array[] = []
    for await (const chunk of request) chunks.push(chunk as Uint8Array)
    const body = Buffer.concat(chunks)
    if (body.length === 0) return
    const length = body.readUInt32LE(0)
    const head = JSON.parse(body.toString('utf8', 4, 4 + length)) as Omit<StoredRecord, 'data'>
    records.push({ ...head, data: body.subarray(4 + length) })
  }
  const server = createServer((request, response) => {
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('cross-origin-resource-policy', 'cross-origin')
    void receive(request).then(() => response.end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    records,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

interface Page {
  evaluate<Result>(
    body: (argument: string) => Result | Promise<Result>,
    argument: string,
  ): Promise<Result>
}

/** Reads an engine's disk out of the browser's database, of a page that has no engine, and lets e2fsck look at it. */
export async function checkStoredDisk(
  page: Page,
  engineId: string,
  receiver: DiskReceiver,
): Promise<void> {
  receiver.records.length = 0
  const count = await page.evaluate(
    async (argument) => {
      const { name, url } = JSON.parse(argument) as { name: string; url: string }
      const result = <Value>(request: IDBRequest<Value>): Promise<Value> =>
        new Promise((resolve, reject) => {
          request.addEventListener('success', () => resolve(request.result))
          request.addEventListener('error', () => reject(new Error(request.error?.message)))
        })
      const database = await result(indexedDB.open(name))
      const store = (of: string): IDBObjectStore => database.transaction([of]).objectStore(of)
      const keys = await result(store('disk-records').getAllKeys())
      for (const key of keys) {
        const head = (await result(store('disk-records').get(key))) as {
          sequence: number
          remaining: number
          size: number
          blocks: Uint32Array
          discards: Uint32Array
        }
        const data = (await result(store('disk-data').get(key))) as Uint8Array | undefined
        const { sequence, remaining, size, blocks, discards } = head
        const text = new TextEncoder().encode(
          JSON.stringify({
            sequence,
            remaining,
            size,
            blocks: [...blocks],
            discards: [...discards],
          }),
        )
        const length = new Uint32Array([text.length])
        await fetch(url, {
          method: 'POST',
          body: new Blob([length, text, (data ?? new Uint8Array(0)) as BlobPart]),
        })
      }
      database.close()
      return keys.length
    },
    JSON.stringify({ name: `drydock-${engineId}`, url: receiver.url }),
  )
  const records = receiver.records.toSorted((one, other) => one.sequence - other.sequence)
  if (records.length !== count || count === 0)
    throw new Error(`${records.length} of ${count} records arrived`)
  const blocks = new Map<number, Uint8Array>()
  // What no last record follows was never committed.
  const end = records.findLastIndex(({ remaining }) => remaining === 0) + 1
  for (const record of records.slice(0, end)) {
    for (const block of record.discards) blocks.delete(block)
    record.blocks.forEach((block, at) =>
      blocks.set(block, record.data.subarray(at * DISK_BLOCK, (at + 1) * DISK_BLOCK)),
    )
  }
  await checkDisk({
    size: (records.at(-1)?.size ?? 0) * DISK_BLOCK,
    read: (offset, length) => {
      const bytes = new Uint8Array(length)
      for (let at = 0; at < length; at += DISK_BLOCK) {
        const block = blocks.get((offset + at) / DISK_BLOCK)
        if (block) bytes.set(block, at)
      }
      return bytes
    },
  })
}
