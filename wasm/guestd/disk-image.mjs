/**
 * Makes the filesystem that guestd writes onto an empty disk, as what is not zero in it:
 *
 *   node disk-image.mjs OUT
 *
 * Runs of the image, each u32 block, u16 offset, u16 length (little endian) and its bytes; then a run of length 0 that
 * tells the image's blocks. Needs mke2fs; the same version of it gives the same bytes.
 */
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const BLOCK = 4096
const SIZE = 4 * 2 ** 30
const FEATURES =
  'has_journal,ext_attr,resize_inode,dir_index,filetype,extent,flex_bg,sparse_super,large_file,dir_nlink,extra_isize,uninit_bg'
/** Zeros that are worth a run of their own. */
const GAP = 8

const [out] = process.argv.slice(2)
if (out === undefined) throw new Error('usage: node disk-image.mjs OUT')

const folder = mkdtempSync(join(tmpdir(), 'disk-image-'))
try {
  const image = join(folder, 'image')
  writeFileSync(image, '')
  // Nothing of this machine's own settings.
  const config = join(folder, 'mke2fs.conf')
  writeFileSync(config, '[fs_types]\n  ext4 = {\n    features = extent\n  }\n')
  truncateSync(image, SIZE)
  // No checksums of metadata: the host has its own. No bitmaps of unused groups, and inode tables that are zero already.
  const extended =
    'lazy_itable_init=1,lazy_journal_init=1,nodiscard,hash_seed=64726479-646f-636b-0000-000000000002'
  const general = ['-q', '-F', '-t', 'ext4', '-b', String(BLOCK), '-I', '256', '-m', '0']
  const identity = ['-L', 'drydock', '-U', '64726479-646f-636b-0000-000000000001']
  const layout = ['-J', 'size=32', '-O', `none,${FEATURES}`, '-E', extended]
  const options = [...general, ...identity, ...layout]
  execFileSync('mke2fs', [...options, image], {
    env: {
      PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
      E2FSPROGS_FAKE_TIME: '1700000000',
      MKE2FS_CONFIG: config,
    },
    stdio: 'inherit',
  })
  writeFileSync(out, Buffer.concat(runsOf(image)))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function runsOf(image) {
  const runs = []
  const part = Buffer.alloc(1 << 20)
  const zero = Buffer.alloc(part.length)
  const file = openSync(image, 'r')
  for (let at = 0; at < SIZE; at += part.length) {
    readSync(file, part, 0, part.length, at)
    if (part.equals(zero)) continue
    for (let block = 0; block < part.length; block += BLOCK) {
      const bytes = part.subarray(block, block + BLOCK)
      if (!bytes.equals(zero.subarray(0, BLOCK)))
        runs.push(...runsOfBlock((at + block) / BLOCK, bytes))
    }
  }
  closeSync(file)
  return [...runs, head(SIZE / BLOCK, 0, 0)]
}

function head(block, offset, length) {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32LE(block, 0)
  bytes.writeUInt16LE(offset, 4)
  bytes.writeUInt16LE(length, 6)
  return bytes
}

function runsOfBlock(block, bytes) {
  const runs = []
  for (let at = 0; at < BLOCK;) {
    if (bytes[at] === 0) {
      at++
      continue
    }
    let end = at
    for (let next = at; next < BLOCK && next - end <= GAP; next++) if (bytes[next] !== 0) end = next
    runs.push(head(block, at, end + 1 - at), Buffer.from(bytes.subarray(at, end + 1)))
    at = end + 1
  }
  return runs
}
