// Build the catalog: packages.lock → public/registry. Called by build.sh.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { applicationPackages } from './applications.mjs'
import { debianImages } from './debian.mjs'
import { busybox, helloWorld } from './images.mjs'
import { Layout } from './layout.mjs'
import { Apt, newestBuild, readLock, writeLock, writeRepository } from './packages.mjs'
import { Published } from './published.mjs'

const here = import.meta.dirname
const work = join(here, 'work')
const debs = join(work, 'debs')
const lockFile = join(here, 'packages.lock')

const flags = process.argv.slice(2)
if (flags.some((flag) => flag !== '--update' && flag !== '--anew'))
  throw new Error('Usage: build.sh [--update] [--anew]')

const tools = readFileSync(join(here, '..', 'root', 'packages.txt'), 'utf8')
  .split('\n')
  .filter((line) => line && !line.startsWith('#'))

const apt = new Apt(join(work, 'apt'))
if (flags.includes('--update')) {
  apt.update()
  const latest = apt.resolve(['busybox-static', ...tools, ...applicationPackages])
  apt.download(latest, debs)
  writeLock(lockFile, { epoch: newestBuild(latest, debs), packages: latest })
}
const { epoch, packages } = readLock(lockFile)
apt.download(packages, debs)
writeRepository(packages, debs)

const target = join(here, '..', '..', 'public', 'registry')
const published = new Published(flags.includes('--anew') ? work : target)
const pinOf = (name) => packages.find((pin) => pin.name === name)
const layout = new Layout()
layout.add(helloWorld(work, epoch, published))
layout.add(busybox(work, debs, pinOf('busybox-static'), epoch, published))
for (const image of debianImages({ work, debs, packages, tools, epoch, published }))
  layout.add(image)
layout.write(target)
