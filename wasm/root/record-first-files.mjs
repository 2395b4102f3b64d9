// Write first-files.txt: what the first prompt and the first commands of the host root read.
// usage: node record-first-files.mjs ROOT (an unpacked drydock/root; needs root, strace, script)

import { execFileSync } from 'node:child_process'
import { lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'

const SESSION = `
ls
ls -la /
cat /etc/os-release
id
whoami
hostname
uname -a
pwd; cd /tmp; cd
echo hi | grep h
clear
exit
`
// The kernel opens a program's interpreter by itself, where strace does not see it.
const INTERPRETER = '/lib/ld-linux.so.2'
// A link chain longer than this is a loop, as in the kernel (path_resolution(7)).
const MAX_LINKS = 40

const [root, ...rest] = process.argv.slice(2)
if (!root || rest.length) throw new Error('Usage: node record-first-files.mjs ROOT')
const folder = mkdtempSync(join(tmpdir(), 'first-files-'))
try {
  const names = new Set()
  for (const path of [INTERPRETER, ...opened(trace())])
    for (const name of passed(path)) names.add(name)
  const head = '# Written by record-first-files.mjs: what the first prompt reads, in order.\n'
  const target = join(import.meta.dirname, 'first-files.txt')
  writeFileSync(target, `${head}${[...names].join('\n')}\n`)
} finally {
  rmSync(folder, { recursive: true })
}

/** The system calls of a bash in a terminal, typed at; in a mount namespace of its own. */
function trace() {
  const log = join(folder, 'trace')
  const shell =
    `mount --bind /dev ${root}/dev && mount -t proc proc ${root}/proc && ` +
    `exec script -qec "strace -f -qq -s 4096 -e trace=execve,open,openat,chdir -o ${log} ` +
    `chroot ${root} env -i TERM=xterm-256color HOME=/root HISTFILE=/dev/null bash -l" /dev/null`
  execFileSync('unshare', ['--mount', 'sh', '-c', shell], {
    input: SESSION,
    stdio: ['pipe', 'ignore', 'inherit'],
    timeout: 60_000,
  })
  return readFileSync(log, 'utf8')
}

/** Absolute paths opened or executed after the chroot, in order. */
function* opened(text) {
  const lines = text.split('\n')
  const start = lines.findIndex(
    (line) => /execve\("[^"]*\/bash"/.test(line) && line.endsWith(' = 0'),
  )
  for (const line of lines.slice(start)) {
    const path = /(?:execve\(|open\(|openat\(AT_FDCWD, )"(\/[^"]*)".* = \d+$/.exec(line)?.[1]
    if (path && !/^\/(proc|dev|sys|tmp)(\/|$)/.test(path)) yield path
  }
}

/** The links on the way to a file, and the file. */
function* passed(path, depth = 0) {
  if (depth > MAX_LINKS) throw new Error(`Cannot follow ${path}: too many links`)
  let walked = ''
  const parts = posix.normalize(path).split('/').filter(Boolean)
  for (const [at, part] of parts.entries()) {
    walked += `/${part}`
    const stat = lstatSync(join(root, walked), { throwIfNoEntry: false })
    if (!stat) return
    if (stat.isSymbolicLink()) {
      yield walked
      const link = posix.resolve(dirname(walked), readlinkSync(join(root, walked)))
      yield* passed(posix.join(link, ...parts.slice(at + 1)), depth + 1)
      return
    }
    if (stat.isFile()) yield walked
  }
}
