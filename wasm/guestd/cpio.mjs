/**
 * Writes a cpio archive of format newc, as the kernel unpacks it into its first root. The same input gives the same
 * bytes: no times, no owners, inodes by order.
 *
 *   node cpio.mjs OUT [PATH=FILE]…   a file of mode 0755; directories come by themselves
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

const directory = 0o040755
const executable = 0o100755
const character = 0o020600

const hex = (number) => number.toString(16).toUpperCase().padStart(8, '0')
const padding = (length) => Buffer.alloc((4 - (length % 4)) % 4)

let inode = 0

/** One entry: header of 110 characters, name with NUL, content, each padded to 4 bytes. */
function entry(name, mode, content = Buffer.alloc(0), device = [0, 0]) {
  inode += 1
  const links = mode === directory ? 2 : 1
  const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, ...device, name.length + 1, 0]
  const head = Buffer.from(`070701${fields.map(hex).join('')}${name}\0`)
  return Buffer.concat([head, padding(head.length), content, padding(content.length)])
}

const [out, ...files] = process.argv.slice(2)
if (out === undefined) throw new Error('usage: node cpio.mjs OUT [PATH=FILE]…')

const sources = files.map((file) => {
  const at = file.indexOf('=')
  return { name: file.slice(0, at), source: file.slice(at + 1) }
})
const directories = new Set(['dev'])
for (const { name } of sources)
  for (let parent = dirname(name); parent !== '.'; parent = dirname(parent)) directories.add(parent)

inode = 0
const archive = Buffer.concat([
  ...[...directories].sort().map((name) => entry(name, directory)),
  // Until devtmpfs is there: what fails before must be seen.
  entry('dev/console', character, undefined, [5, 1]),
  ...sources.map(({ name, source }) => entry(name, executable, readFileSync(source))),
  entry('TRAILER!!!', 0),
])
writeFileSync(out, Buffer.concat([archive, Buffer.alloc((512 - (archive.length % 512)) % 512)]))
