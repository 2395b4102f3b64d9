import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { readArchive, readToc, type Entry, type TocEntry } from './archive.ts'
import { layerProblems, sha256, type LayerClaims } from './layer-problems.ts'

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly platform?: { readonly os: string; readonly architecture: string }
  readonly annotations?: Readonly<Record<string, string>>
}
interface Manifest {
  readonly schemaVersion: number
  readonly mediaType: string
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
}
interface ImageConfig {
  readonly os: string
  readonly architecture: string
  readonly created: string
  readonly config: { readonly Cmd: readonly string[]; readonly Labels: Record<string, string> }
  readonly rootfs: { readonly type: string; readonly diff_ids: readonly string[] }
  readonly history: readonly { readonly created_by: string }[]
}

const REF_NAME = 'org.opencontainers.image.ref.name'
const TOC_DIGEST = 'containerd.io/snapshot/stargz/toc.digest'
/** What a page downloads before the first prompt, both layers together (issue: at most 8 MB in all). */
const PREFETCH_LIMIT = 2_500_000
const registry = join(import.meta.dirname, '..', '..', 'public', 'registry')
const blobs = join(registry, 'blobs', 'sha256')
const blob = (digest: string): Buffer => readFileSync(join(blobs, digest.replace('sha256:', '')))

const index: { schemaVersion: number; manifests: readonly Descriptor[] } = JSON.parse(
  readFileSync(join(registry, 'index.json'), 'utf8'),
)
const images = index.manifests.map((descriptor) => {
  const manifest: Manifest = JSON.parse(blob(descriptor.digest).toString())
  const config: ImageConfig = JSON.parse(blob(manifest.config.digest).toString())
  return { reference: descriptor.annotations?.[REF_NAME] ?? '', descriptor, manifest, config }
})
const image = (reference: string) => {
  const found = images.find((each) => each.reference === reference)
  if (!found) throw new Error(`No ${reference} in the catalog`)
  return found
}
const layers = new Map<string, LayerClaims & { readonly createdBy: string }>(
  images.flatMap(({ manifest, config }) =>
    manifest.layers.map(({ digest, size, annotations }, at) => [
      digest,
      {
        digest,
        size,
        diffId: config.rootfs.diff_ids[at] ?? '',
        tocDigest: annotations?.[TOC_DIGEST],
        createdBy: config.history[at]?.created_by ?? '',
      },
    ]),
  ),
)
const entriesOf = (reference: string): Entry[] =>
  image(reference).manifest.layers.flatMap(({ digest }) => readArchive(gunzipSync(blob(digest))))

describe('image layout', () => {
  test('says its version', () => {
    const layout: unknown = JSON.parse(readFileSync(join(registry, 'oci-layout'), 'utf8'))
    expect(layout).toEqual({ imageLayoutVersion: '1.0.0' })
    expect(index.schemaVersion).toBe(2)
  })

  test('names each image once', () => {
    const references = images.map(({ reference }) => reference)
    expect(new Set(references).size).toBe(references.length)
    expect(references).toEqual(
      expect.arrayContaining([
        'docker.io/library/hello-world:latest',
        'docker.io/library/busybox:latest',
        'docker.io/library/debian:12-slim',
        'docker.io/library/debian:bookworm-slim',
        'docker.io/library/nginx:latest',
        'docker.io/library/redis:latest',
        'docker.io/library/redis:7.0',
        'docker.io/library/python:3-slim',
        'docker.io/library/python:3.11-slim',
        'docker.io/library/registry:2',
        'docker.io/drydock/root:latest',
      ]),
    )
  })

  test('holds exactly the blobs that are referred to, each with its digest and size', () => {
    const descriptors = images.flatMap(({ descriptor, manifest }) => [
      descriptor,
      manifest.config,
      ...manifest.layers,
    ])
    const wrong = descriptors.filter(({ digest, size }) => {
      const bytes = blob(digest)
      return sha256(bytes) !== digest || bytes.length !== size
    })
    expect(wrong).toEqual([])
    const names = new Set(descriptors.map(({ digest }) => digest.replace('sha256:', '')))
    expect(readdirSync(blobs).sort()).toEqual([...names].sort())
  })

  test('marks the host root, and no other image, as such', () => {
    const marked = images.filter(({ descriptor }) => descriptor.annotations?.['dev.drydock.role'])
    expect(marked.map(({ reference }) => reference)).toEqual(['docker.io/drydock/root:latest'])
  })
})

describe.each(images)('$reference', ({ descriptor, manifest, config }) => {
  test('is linux/386 throughout', () => {
    expect(descriptor.platform).toEqual({ os: 'linux', architecture: '386' })
    expect({ os: config.os, architecture: config.architecture }).toEqual(descriptor.platform)
    expect(manifest.mediaType).toBe(descriptor.mediaType)
    expect(config.history).toHaveLength(manifest.layers.length)
  })

  test('says truthfully what it is', () => {
    for (const name of ['title', 'description', 'source', 'licenses', 'version'])
      expect(config.config.Labels[`org.opencontainers.image.${name}`], name).toMatch(/\S/)
    expect(config.config.Labels['org.opencontainers.image.description']).toMatch(/by Drydock/)
  })
})

describe.each([...layers.values()])('layer $digest', (claims) => {
  const bytes = blob(claims.digest)

  test('is what its manifest, config and table of contents say', { timeout: 120_000 }, () => {
    expect(layerProblems(bytes, claims)).toEqual([])
  })

  test('ends its prioritized files at the landmark', () => {
    const toc: { entries: TocEntry[] } = JSON.parse(readToc(bytes).toString())
    const landmark = toc.entries.findIndex(({ name }) => name === '.prefetch.landmark')
    if (landmark === -1) {
      // None of a layer's files is read first; only a layer of changes may be so.
      expect(toc.entries[0]?.name).toBe('.no.prefetch.landmark')
      expect(claims.createdBy).toMatch(/^drydock: changes since/)
      return
    }
    expect(landmark).toBeGreaterThan(0)
    const offset = toc.entries[landmark]?.offset ?? 0
    const before = toc.entries.slice(0, landmark).map((entry) => entry.offset ?? 0)
    const after = toc.entries.slice(landmark + 1).flatMap((entry) => entry.offset ?? [])
    expect(Math.max(...before)).toBeLessThan(offset)
    expect(Math.min(Number.MAX_SAFE_INTEGER, ...after)).toBeGreaterThan(offset)
  })
})

// The check is checked: each damage must be reported, or the tests above prove nothing.
describe('a damaged layer', () => {
  const claims = layers.get(
    image('docker.io/library/busybox:latest').manifest.layers[0]?.digest ?? '',
  )
  if (!claims) throw new Error('busybox has no layer')
  const bytes = blob(claims.digest)
  const flip = (at: number): Buffer => {
    const copy = Buffer.from(bytes)
    copy[at] = (copy[at] ?? 0) ^ 1
    return copy
  }
  test.each([
    ['a flipped bit in a file', flip(bytes.length >> 1), claims],
    ['a flipped bit in the footer', flip(bytes.length - 30), claims],
    ['a missing end', bytes.subarray(0, -1), claims],
    ['another diff ID', bytes, { ...claims, diffId: claims.digest }],
    ['another TOC digest', bytes, { ...claims, tocDigest: claims.digest }],
  ])('is reported: %s', (_name, damaged, said) => {
    expect(layerProblems(damaged, said)).not.toEqual([])
  })
})

describe('contents', () => {
  const find = (entries: readonly Entry[], name: string) =>
    entries.findLast((entry) => entry.name === name)

  test('hello-world is one static i386 program', () => {
    const program = find(entriesOf('docker.io/library/hello-world:latest'), 'hello')
    // ELF header: class 1 is 32 bits, e_machine 3 is EM_386; program header type 3 would be PT_INTERP.
    expect(program?.data.subarray(0, 5)).toEqual(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 1]))
    expect(program?.data.readUInt16LE(18)).toBe(3)
    const headers = program?.data.readUInt16LE(44) ?? 0
    const table = program?.data.readUInt32LE(28) ?? 0
    const types = Array.from({ length: headers }, (_, at) =>
      program?.data.readUInt32LE(table + at * 32),
    )
    expect(types).toContain(1)
    expect(types).not.toContain(3)
  })

  test('busybox has its applets as links of one file', () => {
    const entries = entriesOf('docker.io/library/busybox:latest')
    const links = entries.filter(({ flag, linkName }) => flag === '1' && linkName === 'bin/busybox')
    expect(links.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['bin/sh', 'bin/ls', 'bin/true', 'bin/ping', 'bin/vi']),
    )
    expect(find(entries, 'etc/passwd')?.data.toString()).toMatch(/^root:x:0:0:/)
  })

  test('debian keeps modes, owners and an empty /dev', () => {
    const entries = entriesOf('docker.io/library/debian:12-slim')
    expect(find(entries, 'usr/bin/su')?.mode).toBe(0o4755)
    expect(find(entries, 'tmp/')?.mode).toBe(0o1777)
    expect(find(entries, 'etc/shadow')).toMatchObject({ mode: 0o640, gid: 42 })
    expect(find(entries, 'lib')).toMatchObject({ flag: '2', linkName: 'usr/lib' })
    expect(entries.filter(({ name }) => name.startsWith('dev/'))).toHaveLength(1)
    expect(find(entries, 'usr/bin/apt-get')?.mode).toBe(0o755)
  })

  test.each(['nginx', 'redis', 'python', 'registry'])('%s lies on debian', (name) => {
    const [base, own, ...more] = image(`docker.io/library/${name}:latest`).manifest.layers
    expect(base?.digest).toBe(image('docker.io/library/debian:12-slim').manifest.layers[0]?.digest)
    // One of changes since may lie above it, no more.
    expect(more.map(({ digest }) => layers.get(digest)?.createdBy)).toEqual(
      more.slice(0, 1).map(() => expect.stringMatching(/^drydock: changes since/)),
    )
    expect(readArchive(gunzipSync(blob(own?.digest ?? ''))).length).toBeGreaterThan(10)
  })

  test('applications start and log as courses expect it', () => {
    const { config: nginx } = image('docker.io/library/nginx:latest').config
    expect(nginx).toMatchObject({ ExposedPorts: { '80/tcp': {} }, StopSignal: 'SIGQUIT' })
    const files = entriesOf('docker.io/library/nginx:latest')
    expect(find(files, 'var/log/nginx/access.log')?.linkName).toBe('/dev/stdout')
    expect(find(files, 'docker-entrypoint.sh')?.mode).toBe(0o755)
    const { config: redis } = image('docker.io/library/redis:latest').config
    expect(redis).toMatchObject({ Volumes: { '/data': {} }, WorkingDir: '/data' })
    const python = entriesOf('docker.io/library/python:3-slim')
    expect(find(python, 'usr/local/bin/python')?.linkName).toBe('../../bin/python3')
    expect(python.some(({ name }) => name.endsWith('EXTERNALLY-MANAGED'))).toBe(false)
  })

  test('the host root lies on debian and has its tools', () => {
    const [base, tools] = image('docker.io/drydock/root:latest').manifest.layers
    expect(base?.digest).toBe(image('docker.io/library/debian:12-slim').manifest.layers[0]?.digest)
    const entries = readArchive(gunzipSync(blob(tools?.digest ?? '')))
    expect(find(entries, 'usr/bin/ping')?.xattrs).toHaveProperty(['security.capability'])
    expect(find(entries, 'usr/bin/docker')).toMatchObject({ mode: 0o755, data: Buffer.alloc(0) })
    expect(find(entries, 'etc/machine-id')?.data).toHaveLength(0)
    for (const name of ['curl', 'nano', 'vim.tiny', 'jq', 'less', 'tree', 'ps', 'busybox'])
      expect(find(entries, `usr/bin/${name}`), name).toBeDefined()
  })

  test('the first prompt needs little', () => {
    const list = join(import.meta.dirname, '..', '..', 'wasm', 'root', 'first-files.txt')
    const wanted = readFileSync(list, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('/'))
    expect(wanted.length).toBeGreaterThan(20)
    const found = image('docker.io/drydock/root:latest').manifest.layers.map(({ digest }) => {
      const toc: { entries: TocEntry[] } = JSON.parse(readToc(blob(digest)).toString())
      const landmark = toc.entries.findIndex(({ name }) => name === '.prefetch.landmark')
      const names = toc.entries.slice(0, landmark).map(({ name }) => `/${name}`)
      return { names, size: toc.entries[landmark]?.offset ?? Number.NaN }
    })
    const first = new Set(found.flatMap(({ names }) => names))
    expect(wanted.filter((name) => !first.has(name))).toEqual([])
    expect(found.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(PREFETCH_LIMIT)
  })
})
