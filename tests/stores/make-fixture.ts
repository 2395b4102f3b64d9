/**
 * Writes this version's stores into fixtures/, once for each schema; what is there is never written again:
 *   npx rolldown tests/stores/make-fixture.ts --platform node --transform.target node20 --file /tmp/make-fixture.mjs
 *   node /tmp/make-fixture.mjs tests/stores/fixtures 3
 */
import 'fake-indexeddb/auto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serialize } from 'node:v8'
import { gzipSync } from 'node:zlib'
import { nodeClock } from '../../src/hosts/node/clock.ts'
import { openFileStores } from '../../src/hosts/node/stores/file-stores.ts'
import { openIdbStores } from '../../src/storage/idb/stores.ts'
import { fillSample } from '../support/sample-playground.ts'
import { dumpDatabase, readTree } from '../support/store-dump.ts'

const [target = '', schema = ''] = process.argv.slice(2)
const write = (name: string, value: unknown): void =>
  writeFileSync(join(target, name), gzipSync(serialize(value)), { flag: 'wx' })

const folder = mkdtempSync(join(tmpdir(), 'drydock-fixture-'))
{
  await using stores = await openFileStores(folder)
  await fillSample(stores)
}
write(`files-${schema}.bin`, readTree(folder))
rmSync(folder, { recursive: true })
{
  await using stores = await openIdbStores('fixture', { diskSize: 1 << 30, clock: nodeClock })
  await fillSample(stores)
}
write(`database-${schema}.bin`, await dumpDatabase('drydock-fixture'))
