// The images that are made of Debian trees: debian:12-slim, and above it the guest's own root and the applications.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { applicationImages } from './applications.mjs'
import { buildLayer } from './estargz.mjs'
import { environment, labels } from './images.mjs'
import { debName } from './packages.mjs'
import { changesAbove, withChanges } from './published.mjs'
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

/**
 * @param {import('./published.mjs').Published} options.published what is kept of the last build
 * @returns the images: debian, the guest's root, the applications
 */
export function debianImages({ work, debs, packages, tools, epoch, published }) {
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
  const debianName = 'docker.io/library/debian:12-slim'
  const debianLayers = withChanges({
    layers: published.layers(debianName),
    tree: base,
    epoch,
    build: (changes) => buildLayer(changes, first),
  }) ?? [
    {
      layer: buildLayer(base, first),
      createdBy: 'drydock: Debian 12 minbase, slim (i386)',
      epoch,
    },
  ]
  // The images above share the layer, not its changes: each brings those in its own.
  const [baseLayer] = debianLayers
  const layersOf = ({ reference, tree, createdBy, first: firstFiles }) => {
    const layers = published.layers(reference)
    const build = (changes) => buildLayer(changes, firstFiles)
    const kept =
      layers[0]?.layer.digest === baseLayer.layer.digest
        ? withChanges({ layers, tree, epoch, build })
        : undefined
    return (
      kept ?? [
        baseLayer,
        { layer: build(changesAbove([baseLayer], tree, epoch)), createdBy, epoch },
      ]
    )
  }
  const common = {
    source: 'https://sources.debian.org/',
    licenses: 'LicenseRef-Debian-main',
    version,
  }
  const debian = {
    references: [debianName, 'docker.io/library/debian:bookworm-slim'],
    layers: debianLayers,
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
  }
  const root = {
    references: ['docker.io/drydock/root:latest'],
    annotations: { 'dev.drydock.role': 'root' },
    layers: layersOf({
      reference: 'docker.io/drydock/root:latest',
      tree: full,
      createdBy: `drydock: host root with ${tools.join(' ')}`,
      first,
    }),
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
  }
  const layers = ({ name, reference, packages: include, finish, first: firstFiles, createdBy }) =>
    layersOf({
      reference,
      tree: debianTree({
        work,
        debs,
        epoch,
        include: ['apt', 'debian-archive-keyring', ...include],
        finish: [slim, ...finish],
        inputs: scripts + folderText(join(here, name)),
      }),
      createdBy,
      first: firstFiles,
    })
  return [debian, root, ...applicationImages({ packages, layers })]
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
