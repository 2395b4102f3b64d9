// The two images that are a single program: hello-world and busybox.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildLayer } from './estargz.mjs'
import { debName } from './packages.mjs'
import { withChanges } from './published.mjs'
import { readTar } from './tar.mjs'

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const here = import.meta.dirname

const dir = (name, mtime, mode = 0o755) => ({ name, type: 'dir', mode, uid: 0, gid: 0, mtime })
const file = (name, mtime, data, mode = 0o644) => ({
  name,
  type: 'reg',
  mode,
  uid: 0,
  gid: 0,
  mtime,
  data: Buffer.from(data),
})

/** The labels of opencontainers.image that every image has. */
export const labels = ({ title, description, source, licenses, version }) => ({
  'org.opencontainers.image.title': title,
  'org.opencontainers.image.description': description,
  'org.opencontainers.image.source': source,
  'org.opencontainers.image.licenses': licenses,
  'org.opencontainers.image.version': version,
  'org.opencontainers.image.vendor': 'Drydock',
})
export const environment = [PATH]

/** The layers of an image of one layer: as published, with what has changed, or new. */
function layersOf({ published, reference, tree, first, createdBy, epoch }) {
  const build = (entries) => buildLayer(entries, first)
  const layers = published.layers(reference)
  return withChanges({ layers, tree, epoch, build }) ?? [{ layer: build(tree), createdBy, epoch }]
}

/** A static program of ours; it prints a greeting. */
export function helloWorld(work, epoch, published) {
  const program = join(work, 'hello')
  const flags =
    '-m32 -march=i686 -std=gnu11 -Wall -Wextra -Wconversion -Werror -Os -ffreestanding -fno-pic -no-pie ' +
    '-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fno-ident ' +
    '-nostdlib -static -s -Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,noexecstack'
  execFileSync('gcc', [...flags.split(' '), '-o', program, join(here, 'hello-world', 'hello.c')])
  const reference = 'docker.io/library/hello-world:latest'
  return {
    references: [reference],
    layers: layersOf({
      published,
      reference,
      tree: [file('hello', epoch, readFileSync(program), 0o755)],
      first: ['hello'],
      createdBy: 'drydock: wasm/catalog/hello-world/hello.c',
      epoch,
    }),
    config: {
      Env: environment,
      Cmd: ['/hello'],
      WorkingDir: '/',
      Labels: labels({
        title: 'hello-world',
        description:
          'A greeting, written for and built by Drydock; not the official hello-world image.',
        source: 'wasm/catalog/hello-world',
        licenses: 'Apache-2.0',
        version: '1.0',
      }),
    },
  }
}

/** Debian's busybox-static with a name for each applet, laid out like the official image. */
export function busybox(work, debs, pin, epoch, published) {
  const deb = join(debs, debName(pin))
  const tar = execFileSync('dpkg-deb', ['--fsys-tarfile', deb], { maxBuffer: 1 << 26 })
  const packed = readTar(tar)
  const program = packed.find(({ name }) => name === 'bin/busybox')
  const copyright = packed.find(({ name }) => name === 'usr/share/doc/busybox-static/copyright')
  if (!program || !copyright) throw new Error(`Cannot find busybox in ${deb}`)
  execFileSync('dpkg-deb', ['-x', deb, join(work, 'busybox')])
  const applets = execFileSync(join(work, 'busybox', 'bin', 'busybox'), ['--list'], {
    encoding: 'utf8',
  })
    .split('\n')
    .filter((name) => name && name !== 'busybox')
  const { mtime } = program
  const links = applets.map((name) => ({
    name: `bin/${name}`,
    type: 'hardlink',
    linkName: 'bin/busybox',
    mode: program.mode,
    uid: 0,
    gid: 0,
    mtime,
  }))
  const reference = 'docker.io/library/busybox:latest'
  return {
    references: [reference, `docker.io/library/busybox:${upstream(pin)}`],
    layers: layersOf({
      published,
      reference,
      tree: [...busyboxRoot(epoch), program, copyright, ...links],
      first: ['bin/busybox', 'bin/sh', 'etc/passwd', 'etc/group'],
      createdBy: `drydock: Debian busybox-static ${pin.version}`,
      epoch,
    }),
    config: {
      Env: environment,
      Cmd: ['sh'],
      WorkingDir: '/',
      Labels: labels({
        title: 'busybox',
        description:
          'Busybox from Debian 12 (busybox-static, i386), packed by Drydock; not the official image.',
        source: 'https://sources.debian.org/src/busybox/',
        licenses: 'GPL-2.0-only',
        version: pin.version,
      }),
    },
  }
}

const upstream = ({ version }) => /^(?:\d+:)?([^-]+)-/.exec(version)[1]

function busyboxRoot(epoch) {
  const accounts = readFileSync(join(here, 'busybox', 'passwd'), 'utf8')
  const passwords = accounts.replace(/^([^:]+):.*$/gm, '$1:*:19000:0:99999:7:::')
  return [
    ...['bin/', 'dev/', 'etc/', 'home/', 'proc/', 'sys/', 'usr/', 'usr/bin/', 'usr/sbin/'].map(
      (name) => dir(name, epoch),
    ),
    ...['usr/share/', 'usr/share/doc/', 'usr/share/doc/busybox-static/', 'var/', 'var/www/'].map(
      (name) => dir(name, epoch),
    ),
    ...['var/spool/', 'var/spool/mail/', 'run/'].map((name) => dir(name, epoch)),
    dir('root/', epoch, 0o700),
    dir('tmp/', epoch, 0o1777),
    link('usr/bin/env', '../../bin/env', epoch),
    link('var/run', '../run', epoch),
    file('etc/passwd', epoch, accounts),
    file('etc/group', epoch, readFileSync(join(here, 'busybox', 'group'))),
    { ...file('etc/shadow', epoch, passwords, 0o640), gid: 42 },
    file('etc/nsswitch.conf', epoch, 'passwd: files\ngroup: files\nhosts: files dns\n'),
  ]
}

const link = (name, linkName, mtime) => ({
  name,
  type: 'symlink',
  mode: 0o777,
  uid: 0,
  gid: 0,
  mtime,
  linkName,
})
