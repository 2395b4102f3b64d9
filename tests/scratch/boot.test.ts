import { test } from 'vitest'
import { writeFileSync } from 'node:fs'
import { compileEmulator, readGuestImages } from '../../src/hosts/node/assets.ts'
import { nodeClock } from '../../src/hosts/node/clock.ts'
import { buildSnapshot } from '../../src/machine/snapshot.ts'
test('boot', async () => {
  const images = await readGuestImages()
  const t = performance.now()
  const { state, manifest } = await buildSnapshot(await compileEmulator(), images, nodeClock, {
    log: (l) => console.log('G:', l),
  })
  console.log(manifest, performance.now() - t)
  writeFileSync('/tmp/snapshot.bin', new Uint8Array(state))
}, 120000)
