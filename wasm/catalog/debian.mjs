// The images that are made of Debian trees: debian:12-slim, and above it the guest's own root and the applications.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { applicationImages } from './applications.mjs'
import { buildLayer } from './estargz.mjs'
import { environment, labels } from './images.mjs'
import { debName } from './packages.mjs'
import { readTar } from './tar.mjs'

const here = import.meta.dirname
const rootFolder = join(here, '..', 'root')

/**
 * The entries of a Debian tree: minbase and `include`, unpacked and configured by mmdebstrap.
 * @param {object} options
 * @param {string} options.work folder for the archive, which is kept for the next build
 * @param {string} options.debs a flat repository of the packages
 * @param {string[]} options.include packages beyond minbase
 * @param {string[]} options.finish commands to run on the tree, its path in `$1`
 * @param {number} options.epoch no file is younger, seconds
 * @param {string} options.inputs what else the tree depends on
 */
function debianTree({ work, debs, include, finish, epoch, inputs }) {
  const packages = readFileSync(join(debs, 'Packages'))
  const key = createHash('sha256')
    .update(JSON.stringify([packages.toString(), include, finish, epoch, inputs]))
    .digest('hex')
  const archive = join(work, `tree-${key.slice(0, 16)}.tar`)
  if (!existsSync(archive)) {
    const hooks = finish.map((command) => `--customize-hook=${command}`)
    const target = `${archive}.tmp.tar`
    const fixed = [
      '--quiet',
      '--mode=root',
      '--variant=minbase',
      '--architectures=i386',
      '--format=tar',
    ]
    execFileSync(
      'mmdebstrap',
      [
        ...fixed,
        `--dpkgopt=${join(here, 'debian', 'slim.cfg')}`,
        ...(include.length ? [`--include=${include.join(',')}`] : []),
        '--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr',
        ...hooks,
        'bookworm',
        target,
        `deb [trusted=yes] copy:${debs} ./`,
      ],
      {
        env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', SOURCE_DATE_EPOCH: String(epoch) },
        stdio: 'inherit',
      },
    )
    renameSync(target, archive)
  }
  // Device nodes are the runtime's to make, and mmdebstrap adds some; an image's /dev is empty.
  return readTar(readFileSync(archive)).filter(
    ({ name }) => name !== '' && !(name.startsWith('dev/') && name !== 'dev/'),
  )
}

/** @returns the images: debian, the guest's root, the applications */
export function debianImages({ work, debs, packages, tools, epoch }) {
  const slim = `${join(here, 'debian', 'slim.sh')} "$1" ${join(work, 'sources.example')}`
  const apt = join(debs, debName(packages.find(({ name }) => name === 'apt')))
  extractExample(apt, join(work, 'sources.example'))
  const scripts = folderText(join(here, 'debian'))
  const base = debianTree({
    work,
    debs,
    epoch,
    include: ['apt', 'debian-archive-keyring'],
    finish: [slim],
    inputs: scripts,
  })
  const full = debianTree({
    work,
    debs,
    epoch,
    include: ['apt', 'debian-archive-keyring', ...tools],
    finish: [slim, `${join(rootFolder, 'finish.sh')} "$1"`],
    inputs: scripts + folderText(join(rootFolder, 'files')) + readRoot('finish.sh'),
  })
  const first = readRoot('first-files.txt')
    .split('\n')
    .filter((line) => line && !line.startsWith('#'))
    .map((line) => line.replace(/^\//, ''))
  const version = base
    .find(({ name }) => name === 'etc/debian_version')
    .data.toString()
    .trim()
  const baseLayer = buildLayer(base, first)
  const toolsLayer = buildLayer(difference(base, full), first)
  const baseHistory = { layer: baseLayer, createdBy: 'drydock: Debian 12 minbase, slim (i386)' }
  const common = {
    source: 'https://sources.debian.org/',
    licenses: 'LicenseRef-Debian-main',
    version,
  }
  const debian = {
    references: ['docker.io/library/debian:12-slim', 'docker.io/library/debian:bookworm-slim'],
    layers: [baseHistory],
    config: {
      Env: environment,
      Cmd: ['bash'],
      WorkingDir: '/',
      Labels: labels({
        title: 'debian',
        description:
          'Debian 12 (bookworm, i386, slim), made from its packages by Drydock; not the official image.',
        ...common,
      }),
    },
    epoch,
  }
  const root = {
    references: ['docker.io/drydock/root:latest'],
    annotations: { 'dev.drydock.role': 'root' },
    layers: [
      baseHistory,
      { layer: toolsLayer, createdBy: `drydock: host root with ${tools.join(' ')}` },
    ],
    config: {
      Env: [...environment, 'LC_CTYPE=C.UTF-8'],
      Cmd: ['bash', '-l'],
      WorkingDir: '/root',
      Labels: labels({
        title: 'drydock-root',
        description: "The guest's own root: Debian 12 (i386) with tools, packed by Drydock.",
        ...common,
      }),
    },
    epoch,
  }
  const layer = ({ name, packages: include, finish, first: firstFiles }) => {
    const tree = debianTree({
      work,
      debs,
      epoch,
      include: ['apt', 'debian-archive-keyring', ...include],
      finish: [slim, ...finish],
      inputs: scripts + folderText(join(here, name)),
    })
    return buildLayer(difference(base, tree), firstFiles)
  }
  return [debian, root, ...applicationImages({ packages, layer, base: baseHistory, epoch })]
}

const readRoot = (name) => readFileSync(join(rootFolder, name), 'utf8')

const folderText = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => `${path.slice(folder.length)}\n${readFileSync(path, 'utf8')}`)
    .join('\n')

/** apt's package has an example that names Debian's public archive; slim.sh takes it from there. */
function extractExample(deb, target) {
  const tar = execFileSync('dpkg-deb', ['--fsys-tarfile', deb], { maxBuffer: 1 << 26 })
  const example = readTar(tar).find(({ name }) => name.endsWith('/examples/sources.list'))
  writeFileSync(target, example.data)
}

/** What must be laid over `lower` to get `upper`: changed entries, their parents, whiteouts. */
export function difference(lower, upper) {
  const before = new Map(lower.map((entry) => [entry.name, entry]))
  const after = new Map(upper.map((entry) => [entry.name, entry]))
  const chosen = new Set()
  const choose = (entry) => {
    if (chosen.has(entry)) return
    const cut = entry.name.replace(/\/$/, '').lastIndexOf('/')
    if (cut > 0) choose(after.get(entry.name.slice(0, cut + 1)))
    // A hard link names an entry of its own layer.
    if (entry.type === 'hardlink') choose(after.get(entry.linkName))
    chosen.add(entry)
  }
  for (const entry of upper) if (!same(before.get(entry.name), entry)) choose(entry)
  const gone = lower
    .map(({ name }) => name.replace(/\/$/, ''))
    .filter((name) => !after.has(name) && !after.has(`${name}/`))
    .filter((name, at, all) => !all.some((other) => name.startsWith(`${other}/`)))
  const whiteouts = gone.map((name) => {
    const cut = name.lastIndexOf('/') + 1
    const parent = after.get(name.slice(0, cut))
    if (parent) choose(parent)
    const mark = { type: 'reg', mode: 0o644, uid: 0, gid: 0, mtime: 0, data: Buffer.alloc(0) }
    return { name: `${name.slice(0, cut)}.wh.${name.slice(cut)}`, ...mark }
  })
  return [...chosen, ...whiteouts]
}

function same(a, b) {
  if (!a || a.type !== b.type || a.linkName !== b.linkName) return false
  if (a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid || a.mtime !== b.mtime) return false
  if (JSON.stringify([...(a.xattrs ?? [])]) !== JSON.stringify([...(b.xattrs ?? [])])) return false
  return a.data === undefined || a.data.equals(b.data)
}
