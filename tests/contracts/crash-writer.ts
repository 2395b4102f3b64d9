// Writes to the file stores until it is killed. Each round that all stores have acknowledged goes to stdout, a line each.
import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { FileBlobStore } from '../../src/hosts/node/stores/file-blob-store.ts'
import { FileLogStore } from '../../src/hosts/node/stores/file-log-store.ts'
import { FileRecordStore } from '../../src/hosts/node/stores/file-record-store.ts'

const [folder = '', first = '0'] = process.argv.slice(2)
const [blobs, records, logs] = [
  await FileBlobStore.open(folder),
  await FileRecordStore.open(folder),
  new FileLogStore(folder),
]

/** Content of round `round`: 200 kB that only the number decides. */
async function* content(round: number): AsyncGenerator<Uint8Array> {
  let block = createHash('sha512').update(`${round}`).digest()
  for (let part = 0; part < 100; part++) {
    block = createHash('sha512').update(block).digest()
    yield Buffer.concat(Array.from({ length: 32 }, () => block))
  }
}

for (let round = Number(first); ; round++) {
  const { digest } = await blobs.write(content(round))
  await records.commit([
    { kind: 'image', key: 'one', value: { round, filler: 'x'.repeat(round % 50_000) } },
    { kind: 'image', key: `blob-${round % 100}`, value: digest },
    { kind: 'container', key: 'two', value: { round } },
  ])
  logs.append('c', [
    { stream: 'stdout', time: '2026-01-02T03:04:05.000000000Z', bytes: Buffer.from(`${round}`) },
  ])
  writeSync(1, `${round} ${digest}\n`)
}
