import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NodeSharedFiles } from '../../src/hosts/node/shares/node-shared-files.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import { catalogTree } from '../support/catalog-tree.ts'
import { containerSpec, containerStart } from '../support/container-spec.ts'
import { BUSYBOX, finish, sh, startMachine } from '../support/guest.ts'

const outside = realpathSync(mkdtempSync(join(tmpdir(), 'drydock-shares-')))
const share = join(outside, 'share')
const secret = join(outside, 'secret')

describe('a directory of the machine in a container', () => {
  let machine: GuestMachine
  const lines: string[] = []
  beforeAll(async () => {
    mkdirSync(share)
    writeFileSync(secret, 'top')
    machine = await startMachine({
      shares: [new NodeSharedFiles(share)],
      log: (line) => lines.push(line),
    })
  }, 60_000)
  afterAll(async () => {
    await machine[Symbol.asyncDispose]()
    rmSync(outside, { recursive: true, force: true })
  })

  const start = (script: string, { source = '/', options = ['rbind', 'rw'] } = {}) => {
    const plain = containerStart(BUSYBOX, containerSpec(sh(script)))
    const mount = { destination: '/s', type: 'bind', source: `/run/shares/0${source}`, options }
    return {
      ...plain,
      spec: { ...plain.spec, mounts: [...(plain.spec.mounts ?? []), mount] },
    }
  }
  const run = async (script: string, more: Parameters<typeof start>[1] = {}) => {
    const wanted = start(script, more)
    try {
      return await finish(await machine.processes.run(wanted))
    } finally {
      await machine.containers.delete(wanted.container)
    }
  }
  const output = async (script: string, more: Parameters<typeof start>[1] = {}) => {
    const { stdout, stderr, exit } = await run(script, more)
    expect({ stderr, exit }, script).toMatchObject({ stderr: '', exit: { code: 0 } })
    return stdout
  }

  test('is read and written, and what is written is on the disk', async () => {
    writeFileSync(join(share, 'from-machine'), 'hello\n')
    expect(await output('cat /s/from-machine; echo there > /s/from-container')).toBe('hello\n')
    expect(readFileSync(join(share, 'from-container'), 'utf8')).toBe('there\n')
  })

  test('an edit on the machine is seen in a running container, and the other way round', async () => {
    writeFileSync(join(share, 'edited'), 'one')
    const wanted = start(
      'cat /s/edited; while read line; do cat /s/$line; echo >> /s/answers; done',
    )
    const process = await machine.processes.run(wanted)
    const stdin = process.stdin.getWriter()
    const reader = process.output.getReader()
    const next = async () => new TextDecoder().decode((await reader.read()).value?.bytes)
    expect(await next()).toBe('one')
    writeFileSync(join(share, 'edited'), 'two, which is longer')
    await stdin.write(new TextEncoder().encode('edited\n'))
    expect(await next()).toBe('two, which is longer')
    appendFileSync(join(share, 'edited'), '!')
    await stdin.write(new TextEncoder().encode('edited\n'))
    expect(await next()).toBe('two, which is longer!')
    // As editors do it: another file in its place.
    writeFileSync(join(share, 'draft'), 'three')
    renameSync(join(share, 'draft'), join(share, 'edited'))
    await stdin.write(new TextEncoder().encode('edited\n'))
    expect(await next()).toBe('three')
    await stdin.close()
    await process.exited
    await machine.containers.delete(wanted.container)
    expect(readFileSync(join(share, 'answers'), 'utf8')).toBe('\n\n\n')
  })

  test('files do what files do', async () => {
    expect(
      await output(`cd /s && mkdir -p deep/er && echo a > deep/er/a && mv deep/er/a deep/b && ln deep/b hard && ln -s deep/b soft &&
        cat hard soft && stat -c %h hard && readlink soft && chmod 640 hard && stat -c %a deep/b &&
        touch -d '2001-02-03 04:05:06' hard && stat -c %Y hard && echo more >> hard && cat deep/b &&
        truncate -s 3 hard 2>/dev/null || dd if=/dev/null of=hard bs=1 seek=3 2>/dev/null; cat hard; echo; rm -r deep; cat hard; echo; ls`),
    ).toBe(
      'a\na\n2\ndeep/b\n640\n981173106\na\nmore\na\nm\na\nm\nanswers\nedited\nfrom-container\nfrom-machine\nhard\nsoft\n',
    )
    expect(lstatSync(join(share, 'soft')).isSymbolicLink()).toBe(true)
    expect(statSync(join(share, 'hard')).mode & 0o777).toBe(0o640)
  })

  test('a file that is unlinked or replaced while it is open lives on', async () => {
    expect(
      await output(`cd /s && echo kept > gone && exec 3<gone 4>>gone && rm gone && echo more >&4 && cat <&3 && stat -L -c %s /proc/self/fd/4 &&
        echo old > target && exec 5<target && echo new > source && mv source target && cat <&5; cat target`),
    ).toBe('kept\nmore\n10\nold\nnew\n')
    expect(existsSync(join(share, 'gone'))).toBe(false)
  })

  test('names are bytes', async () => {
    const odd = Buffer.from([0x62, 0xff, 0xc3, 0x28])
    writeFileSync(Buffer.concat([Buffer.from(`${share}/`), odd]), 'odd')
    mkdirSync(join(share, 'names'))
    const long = 'n'.repeat(255)
    await output(
      `cd /s && cat b*'(' && cd names && echo > ${long} && echo > 'ünï ❤' && echo > "new
line" && echo > '-rf' && mv ../b*'(' .`,
    )
    expect(readdirSync(join(share, 'names')).sort()).toEqual(
      ['-rf', 'b\ufffd\ufffd(', long, 'new\nline', 'ünï ❤'].sort(),
    )
    const { stderr } = await run(`echo > /s/names/${'n'.repeat(256)}`)
    expect(stderr).toMatch(/File name too long/)
  })

  test('links never lead out of it', async () => {
    symlinkSync(secret, join(share, 'escape'))
    symlinkSync('..', join(share, 'up'))
    symlinkSync(outside, join(share, 'out'))
    const tried = await run(
      'cat /s/escape /s/out/secret /s/../secret; ls /s/up; echo x > /s/escape; ls -l /s/escape',
    )
    expect(tried.stdout).not.toContain('top')
    expect(tried.stdout).toContain(`/s/escape -> ${secret}`)
    expect(readFileSync(secret, 'utf8')).toBe('top')
    // Nor do they for what mounts it.
    for (const source of ['/out', '/escape', '/../0/out', '/up/share'])
      await expect(run('true', { source }), source).rejects.toThrow(/error mounting/)
  })

  test('a directory that turns into a link meanwhile is not followed', async () => {
    mkdirSync(join(share, 'victim'))
    const victim = new NodeSharedFiles(share)
    writeFileSync(join(share, 'victim/file'), 'mine')
    using open = victim.open('victim/file', {
      read: true,
      write: false,
      append: false,
      truncate: false,
    })
    renameSync(join(share, 'victim'), join(share, 'moved'))
    symlinkSync(outside, join(share, 'victim'))
    const create = { read: false, write: true, append: false, truncate: false, exclusive: false }
    for (const attempt of [
      () => victim.stat('victim/secret'),
      () => victim.list('victim'),
      () => victim.remove('victim/secret', 'file'),
      () => victim.rename('victim/secret', 'stolen'),
      () => victim.link('victim/secret', 'stolen'),
      () => victim.change('victim/secret', { mode: 0o777 }),
      () => victim.readLink('victim/secret'),
      () => victim.makeDirectory('victim/new', 0o755, { uid: 0, gid: 0 }),
      () => victim.create('victim/secret', { ...create, mode: 0o644, owner: { uid: 0, gid: 0 } }),
    ])
      expect(attempt).toThrow(
        expect.objectContaining({
          code: expect.stringMatching(/ELOOP|ENOTDIR/) as string,
        }) as Error,
      )
    expect(open.stat().size).toBe(4)
    expect(readdirSync(outside).sort()).toEqual(['secret', 'share'])
  })

  test('devices and pipes of the machine are nothing to a container', async () => {
    execFileSync('sh', ['-c', 'mkfifo "$0"', join(share, 'pipe')])
    const { stdout, stderr } = await run(
      'mknod /s/null c 1 3; mkfifo /s/fifo; [ -e /s/null ] || echo none; [ -p /s/pipe ] && echo pipe',
    )
    expect(stderr).toMatch(/mknod.*Operation not permitted\n.*mkfifo.*Operation not permitted/s)
    expect(stdout).toBe('none\npipe\n')
  })

  test('can be read-only, and one file', async () => {
    const refused = await run('echo x > /s/new; cat /s/hard', { options: ['rbind', 'rro'] })
    expect(refused.stderr).toContain('Read-only file system')
    expect(refused.stdout).toBe('a\nm')
    expect(await output('cat /s; echo changed > /s', { source: '/hard' })).toBe('a\nm')
    expect(readFileSync(join(share, 'hard'), 'utf8')).toBe('changed\n')
  })

  test('programs run from it, and many files are made in it', async () => {
    writeFileSync(join(share, 'program'), '#!/bin/sh\necho runs\n', { mode: 0o755 })
    expect(await output('/s/program')).toBe('runs\n')
    expect(await output('cd /s; cp /bin/busybox bb; ln -sf bb echo; ./echo native; true')).toBe(
      'native\n',
    )
    expect(
      await output(
        'mkdir /s/many; cd /s/many; i=0; while [ $i -lt 150 ]; do echo $i > f$i; i=$((i+1)); done; ls | wc -l; cat * | wc -l; rm -r /s/many',
      ),
    ).toBe('150\n150\n')
  }, 120_000)

  test('locks of one guest hold, and what is private is mapped', async () => {
    const debian = 'de'.repeat(32)
    machine.trees.add(debian, await catalogTree('debian:12-slim'))
    const wanted = start(
      'cd /s; exec 9>lock; flock -n 9 && ! flock -n lock true && echo locked; cp /usr/bin/perl . && ./perl -e "print qq(mapped\\n)"',
    )
    const process = await machine.processes.run({
      ...wanted,
      rootfs: { ...wanted.rootfs, tree: debian },
    })
    expect(await finish(process)).toMatchObject({ stdout: 'locked\nmapped\n', stderr: '' })
    await machine.containers.delete(wanted.container)
  })

  test('what was written is whole', async () => {
    const bytes = Buffer.from(Array.from({ length: 3_000_001 }, (_, at) => (at * 7) & 0xff))
    writeFileSync(join(share, 'big'), bytes)
    await output('cp /s/big /s/copy; sync; dd if=/s/big of=/s/odd bs=12345 2>/dev/null')
    expect(readFileSync(join(share, 'copy')).equals(bytes)).toBe(true)
    expect(readFileSync(join(share, 'odd')).equals(bytes)).toBe(true)
    linkSync(join(share, 'big'), join(share, 'big-link'))
    expect(await output('stat -c %h /s/big; df /s | tail -1 | wc -l')).toBe('2\n1\n')
    expect(lines.filter((line) => line.startsWith('share:'))).toEqual([])
  })
})
