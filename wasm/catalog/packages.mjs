// Which Debian packages the catalog is made of: resolved by apt in a root of its own, pinned in
// packages.lock. The machine's apt is asked where its mirror is and otherwise left alone.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from './estargz.mjs'
import { readTar } from './tar.mjs'

const RELEASE = 'bookworm'
const ARCH = 'i386'

const run = (command, args, options = {}) =>
  execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, ...options })

const byText = (a, b) => (a < b ? -1 : Number(a > b))

/** apt with its own sources, lists and status below `folder`. */
export class Apt {
  #folder
  #options

  constructor(folder) {
    this.#folder = folder
    for (const name of ['lists/partial', 'cache/archives/partial', 'etc', 'machine/partial'])
      mkdirSync(join(folder, name), { recursive: true })
    writeFileSync(join(folder, 'status'), '')
    const settings = {
      'APT::Architecture': ARCH,
      'APT::Architectures': ARCH,
      'APT::Sandbox::User': 'root',
      'APT::Update::Post-Invoke': '',
      'Acquire::Languages': 'none',
      'Dir::Cache': join(folder, 'cache'),
      'Dir::State': folder,
      'Dir::State::lists': join(folder, 'lists'),
      'Dir::State::status': join(folder, 'status'),
      'Dir::Etc::sourcelist': join(folder, 'sources.list'),
      'Dir::Etc::sourceparts': join(folder, 'etc'),
      'Dir::Etc::preferencesparts': join(folder, 'etc'),
    }
    this.#options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])
  }

  /** One line per suite of the release that the machine's own sources have. */
  #machineSources() {
    // `indextargets` tells of fetched indexes only, and the machine may have none: fetch to ours.
    const lists = ['-o', `Dir::State::lists=${join(this.#folder, 'machine')}`]
    const cache = ['-o', `Dir::Cache=${join(this.#folder, 'cache')}`]
    const settings = [...lists, ...cache, '-o', 'APT::Sandbox::User=root']
    run('apt-get', [...settings, '-qq', 'update'], { stdio: 'inherit' })
    const format = ['--format', '$(SITE) $(RELEASE) $(COMPONENT)', 'Created-By: Packages']
    const suites = run('apt-get', [...settings, 'indextargets', ...format])
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([, suite]) => [RELEASE, `${RELEASE}-updates`, `${RELEASE}-security`].includes(suite))
      .filter(([, , component]) => component === 'main')
      .map(([site, suite]) => `deb [arch=${ARCH}] ${site} ${suite} main`)
    if (!suites.length) throw new Error(`Cannot find ${RELEASE} in this machine's apt sources`)
    return [...new Set(suites)].sort(byText)
  }

  #use(lines) {
    writeFileSync(join(this.#folder, 'sources.list'), `${lines.join('\n')}\n`)
  }

  /** Get the indexes. A mirror whose security index contradicts its signed Release does without. */
  update() {
    const update = () =>
      run('apt-get', [...this.#options, '-qq', '--error-on=any', 'update'], { stdio: 'inherit' })
    const sources = this.#machineSources()
    this.#use(sources)
    try {
      update()
    } catch (error) {
      const others = sources.filter((line) => !line.includes('-security '))
      if (others.length === sources.length) throw error
      console.error(`Going on without ${RELEASE}-security, which this mirror cannot give whole`)
      this.#use(others)
      update()
    }
  }

  /** Versions to install so that `names`, everything essential or required, and apt work. */
  resolve(names) {
    const required = paragraphs(run('apt-cache', [...this.#options, 'dumpavail']))
      .filter((fields) => fields.Essential === 'yes' || fields.Priority === 'required')
      .map((fields) => fields.Package)
    // A tree that is merged from the start needs usr-is-merged alone, not usrmerge and all of perl.
    const wanted = [...new Set([...required, 'apt', 'usr-is-merged', ...names])].sort(byText)
    const plan = run('apt-get', [
      ...this.#options,
      '-s',
      '-qq',
      '--no-install-recommends',
      'install',
      ...wanted,
    ])
    const chosen = [...plan.matchAll(/^Inst (\S+) \((\S+) /gm)].map(
      ([, name, version]) => `${name}=${version}`,
    )
    return paragraphs(run('apt-cache', [...this.#options, 'show', ...chosen]))
      .map((fields) => ({
        name: fields.Package,
        version: fields.Version,
        arch: fields.Architecture,
        sha256: fields.SHA256,
      }))
      .sort((a, b) => byText(a.name, b.name))
  }

  /** Bring the locked packages into `folder`, each checked against its digest. */
  download(packages, folder) {
    mkdirSync(folder, { recursive: true })
    const missing = packages.filter((pin) => !existsSync(join(folder, debName(pin))))
    if (missing.length) {
      this.update()
      const versions = missing.map(({ name, version }) => `${name}=${version}`)
      try {
        run('apt-get', [...this.#options, '-qq', 'download', ...versions], {
          cwd: folder,
          stdio: 'inherit',
        })
      } catch (cause) {
        throw new Error(
          'Cannot get the locked packages: the mirror may have newer ones, see build.sh --update',
          { cause },
        )
      }
    }
    for (const pin of packages)
      if (sha256(readFileSync(join(folder, debName(pin)))) !== `sha256:${pin.sha256}`)
        throw new Error(`Cannot use ${debName(pin)}: its digest is not that of packages.lock`)
  }
}

/** When the newest of the packages in `folder` was built, in seconds. */
export function newestBuild(packages, folder) {
  const dates = packages.flatMap((pin) => {
    const control = execFileSync('dpkg-deb', ['--ctrl-tarfile', join(folder, debName(pin))])
    return readTar(control).map(({ mtime }) => mtime)
  })
  return Math.max(...dates)
}

/** The file name that `apt-get download` gives a package. */
export const debName = ({ name, version, arch }) =>
  `${name}_${version.replaceAll(':', '%3a')}_${arch}.deb`

/** Make `folder` a flat repository of exactly `packages`, which it must hold. */
export function writeRepository(packages, folder) {
  const index = packages.map((pin) => {
    const file = join(folder, debName(pin))
    const control = run('dpkg-deb', ['--field', file]).trimEnd()
    const { length } = readFileSync(file)
    return `${control}\nFilename: ./${debName(pin)}\nSize: ${length}\nSHA256: ${pin.sha256}\n`
  })
  const text = index.join('\n')
  writeFileSync(join(folder, 'Packages'), text)
  // mmdebstrap picks what is essential among packages of the release's codename only.
  writeFileSync(
    join(folder, 'Release'),
    `Codename: ${RELEASE}\nArchitectures: ${ARCH}\nSHA256:\n ${sha256(text).slice(7)} ${Buffer.byteLength(text)} Packages\n`,
  )
}

/** `{ epoch, packages }` of a lock file. */
export function readLock(path) {
  const rows = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line && !line.startsWith('#'))
    .map((line) => line.split('\t'))
  const epoch = rows.find(([key]) => key === 'epoch')
  return {
    epoch: Number(epoch[1]),
    packages: rows
      .filter((row) => row !== epoch)
      .map(([name, version, arch, digest]) => ({ name, version, arch, sha256: digest })),
  }
}

export function writeLock(path, { epoch, packages }) {
  const lines = packages.map((pin) => [pin.name, pin.version, pin.arch, pin.sha256].join('\t'))
  writeFileSync(
    path,
    [
      '# Written by build.sh --update. epoch: when the newest of the packages was built, in seconds;',
      '# no file in an image is younger. Then name, version, architecture, sha256 of each package.',
      `epoch\t${epoch}`,
      ...lines,
      '',
    ].join('\n'),
  )
}

function paragraphs(text) {
  return text
    .split(/\n\n+/)
    .filter(Boolean)
    .map((block) =>
      Object.fromEntries(
        block
          .split('\n')
          .map((line) => /^([\w-]+): (.*)$/.exec(line))
          .filter(Boolean)
          .map(([, key, value]) => [key, value]),
      ),
    )
}
