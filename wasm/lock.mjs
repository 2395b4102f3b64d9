// public/guest/lock.json: digest and size of each committed artifact, and the Debian packages it was made from.
//   node lock.mjs write [REASON]     after a build; the reason, if it adds files of over 1 MiB
//   node lock.mjs packages [SOURCE]  name, version, architecture of each package, for sources.sh

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const wasm = import.meta.dirname
const publicFolder = join(wasm, '..', 'public')
const lockFile = join(publicFolder, 'guest', 'lock.json')
/** Bytes of a file that needs a reason to be added: every clone downloads it, for ever. */
const LARGE = 1 << 20
/** Made by `npm run build` from what is locked. */
const unlocked = /^guest\/(lock\.json|snapshot.*)$|\.tmp$/

const byText = (a, b) => (a < b ? -1 : Number(a > b))

/** `name version architecture` of each line of a packages.lock, for the names given or all. */
function pinned(file, names) {
  return readFileSync(join(wasm, file), 'utf8')
    .split('\n')
    .filter((line) => line && !line.startsWith('#'))
    .map((line) => line.split('\t'))
    .filter((fields) => fields.length === 4 && (!names || names.includes(fields[0])))
    .map((fields) => fields.slice(0, 3).join(' '))
}

/** The same of packages installed here, whose static libraries went into a program. */
const installed = (...names) =>
  execFileSync('dpkg-query', ['-W', '-f', '${Package} ${Version} ${Architecture}\n', ...names], {
    encoding: 'utf8',
  })
    .trim()
    .split('\n')

function writeLock(reason) {
  const before = JSON.parse(readFileSync(lockFile, 'utf8'))
  const libc = installed('libc6-dev-i386', 'lib32gcc-12-dev')
  const sources = {
    kernel: pinned('kernel/packages.lock', ['linux-source-6.12']),
    bios: pinned('kernel/packages.lock', ['seabios']),
    guestd: libc,
    crun: [
      ...pinned('kernel/packages.lock', ['crun', 'libcap-dev', 'libseccomp-dev', 'libyajl-dev']),
      ...libc,
    ],
    catalog: pinned('catalog/packages.lock'),
  }
  const sourceOf = (path) => {
    if (path.startsWith('registry/')) return 'catalog'
    if (path === 'guest/bzImage') return 'kernel'
    if (/bios/.test(path)) return 'bios'
    if (path === 'guest/test/crun.gz') return 'crun'
    if (path.startsWith('guest/initramfs')) return 'guestd'
    throw new Error(`${path}: nothing builds this`)
  }
  const files = Object.fromEntries(
    ['guest', 'registry']
      .flatMap((part) =>
        readdirSync(join(publicFolder, part), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(publicFolder.length + 1)),
      )
      .filter((path) => !unlocked.test(path))
      .sort(byText)
      .map((path) => {
        const bytes = readFileSync(join(publicFolder, path))
        const sha256 = createHash('sha256').update(bytes).digest('hex')
        return [path, { sha256, size: bytes.length, source: sourceOf(path) }]
      }),
  )
  const large = { ...before.large }
  for (const [path, { sha256, size }] of Object.entries(files)) {
    if (size <= LARGE || large[sha256]) continue
    if (!reason) throw new Error(`${path} is new and large. Why? node lock.mjs write REASON`)
    large[sha256] = reason
  }
  writeFileSync(`${lockFile}.tmp`, `${JSON.stringify({ files, large, sources }, undefined, 2)}\n`)
  renameSync(`${lockFile}.tmp`, lockFile)
}

function printPackages(wanted) {
  const { sources } = JSON.parse(readFileSync(lockFile, 'utf8'))
  for (const name of wanted.length ? wanted : Object.keys(sources)) {
    if (!sources[name]) throw new Error(`Which of ${Object.keys(sources).join(', ')}? Not ${name}`)
    for (const line of sources[name]) console.log(line)
  }
}

const [command, ...rest] = process.argv.slice(2)
if (command === 'write') writeLock(rest.join(' '))
else if (command === 'packages') printPackages(rest)
else throw new Error('lock.mjs write [REASON] | packages [SOURCE]...')
