import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { tmpdir } from 'node:os'
import { promisify } from 'node:util'
import { catalogTree } from '../support/catalog-tree.ts'

const root = new URL('../..', import.meta.url).pathname
const run = promisify(execFile)

/** For busybox, in /data: 5,000 files created, listed and deleted, five times; prints the uptimes before and after each. */
export const MANY_FILES = [
  'cd /data',
  'for n in 1 2 3 4 5; do read begin rest < /proc/uptime; mkdir many; cd many',
  'i=0; while [ $i -lt 5000 ]; do : > $i; i=$((i + 1)); done',
  'ls -l > /dev/null; cd ..; rm -r many',
  'read end rest < /proc/uptime; echo "took $begin $end"; done',
].join('; ')

/** Milliseconds of each round, but of the first, in which code is cold. */
export const roundsOf = (output: string): number[] =>
  [...output.matchAll(/took ([\d.]+) ([\d.]+)/g)]
    .map(([, begin, end]) => (Number(end) - Number(begin)) * 1000)
    .slice(1)

async function busybox(): Promise<Uint8Array> {
  const tree = await catalogTree('busybox:latest')
  const node = tree.children?.get('bin')?.children?.get('busybox')
  if (!node?.source) throw new Error('The catalog has no busybox')
  return node.source.read(node.offset, node.size)
}

/**
 * The same program on the same kernel, emulated by qemu's TCG, with ext4 on a virtio disk.
 * @returns undefined where there is no qemu
 */
export async function manyFilesInQemu(): Promise<number[] | undefined> {
  const found = await run('qemu-system-i386', ['--version']).catch(() => undefined)
  if (!found) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'drydock-bench-qemu-'))
  try {
    const [init, program, initramfs, disk] = ['init', 'busybox', 'initramfs', 'disk'].map((name) =>
      join(folder, name),
    ) as [string, string, string, string]
    writeFileSync(program, await busybox())
    writeFileSync(
      init,
      `#!/bin/busybox sh
export PATH=/bin
for name in ls mkdir mount reboot rm; do /bin/busybox ln -s busybox /bin/$name; done
mkdir -p /proc /data
mount -t proc proc /proc
mount -t devtmpfs dev /dev
mount -t ext4 -o discard,commit=1 /dev/vda /data
${MANY_FILES}
reboot -f
`,
    )
    const entries = [`init=${init}`, `bin/busybox=${program}`]
    execFileSync('node', [`${root}wasm/guestd/cpio.mjs`, initramfs, ...entries])
    execFileSync('mke2fs', ['-q', '-t', 'ext4', disk, '1G'], {
      env: { PATH: [process.env['PATH'], '/usr/sbin', '/sbin'].join(delimiter) },
    })
    const machine = ['-accel', 'tcg', '-m', '256', '-display', 'none', '-serial', 'stdio']
    const boot = ['-no-reboot', '-kernel', `${root}public/guest/bzImage`, '-initrd', initramfs]
    const drive = ['-drive', `file=${disk},if=virtio,format=raw,discard=unmap`]
    const append = ['-append', 'console=ttyS0 quiet panic=-1']
    const { stdout } = await run('qemu-system-i386', [...machine, ...boot, ...drive, ...append], {
      timeout: 200_000,
    })
    const rounds = roundsOf(stdout)
    if (rounds.length === 0) throw new Error(`qemu said: ${stdout}`)
    return rounds
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
