import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { TarWriter, type TarMember } from '../../src/codec/tar/write.ts'
import type { Digest } from '../../src/core/digest.ts'
import { mediaType, type OciDescriptor, type OciImageConfig } from '../../src/core/oci.ts'
import type {
  RegistryRequest,
  RegistryResponse,
  RegistryTransport,
} from '../../src/ports/registry-transport.ts'

export const digestOf = (bytes: Uint8Array): Digest =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest

/** A tar of files and directories (path with trailing slash). */
export function tarOf(files: Readonly<Record<string, string>>): Uint8Array {
  const writer = new TarWriter()
  const parts: Uint8Array[] = []
  for (const [path, text] of Object.entries(files)) {
    const content = new TextEncoder().encode(text)
    const directory = path.endsWith('/')
    const member: TarMember = {
      path: path.replace(/\/$/, ''),
      kind: directory ? 'directory' : 'file',
      mode: directory ? 0o755 : 0o644,
      uid: 0,
      gid: 0,
      mtime: 1_700_000_000,
      size: content.length,
    }
    parts.push(writer.header(member), content, writer.padding(content.length))
  }
  parts.push(writer.end())
  return Buffer.concat(parts)
}

export interface ImageSource {
  readonly layers: readonly Uint8Array[]
  readonly config?: Partial<OciImageConfig>
  readonly platforms?: readonly string[]
  /** Default: gzip. */
  readonly compress?: {
    readonly name: 'zstd'
    readonly bytes: (plain: Uint8Array) => Uint8Array
  }
}

/** A registry in memory, with real bytes: what a test breaks, is broken as on a wire. */
export class ImageRegistry implements RegistryTransport {
  readonly blobs: Map<string, Uint8Array> = new Map()
  readonly manifests: Map<string, { readonly type: string; readonly bytes: Uint8Array }> = new Map()
  readonly requests: string[] = []
  /** Blobs that come in two halves, the second when this resolves. */
  hold: Promise<void> | undefined
  /** Blobs on their way, and the most there were at once. */
  open = 0
  most = 0

  /** @param name `library/busybox:latest` @returns digests by what they are of */
  add(
    name: string,
    image: ImageSource,
  ): { readonly config: Digest; readonly manifest: Digest; readonly layers: readonly Digest[] } {
    const { name: kind = 'gzip', bytes: compress = gzipSync } = image.compress ?? {}
    const compressed = image.layers.map((layer) => compress(layer))
    const layers = compressed.map((bytes) => this.#put(bytes, `layer.v1.tar+${kind}`))
    const config: OciImageConfig = {
      architecture: '386',
      os: 'linux',
      created: '2024-01-02T03:04:05Z',
      rootfs: { type: 'layers', diff_ids: image.layers.map(digestOf) },
      history: image.layers.map((_, index) => ({ created_by: `step ${index}` })),
      ...image.config,
    }
    const configDescriptor = this.#put(encode(config), 'config.v1+json')
    const manifest = encode({
      schemaVersion: 2,
      mediaType: mediaType.ociManifest,
      config: configDescriptor,
      layers,
    })
    let top: { readonly type: string; readonly bytes: Uint8Array } = {
      type: mediaType.ociManifest,
      bytes: manifest,
    }
    this.manifests.set(`${repositoryOf(name)}@${digestOf(manifest)}`, top)
    if (image.platforms) {
      const index = encode({
        schemaVersion: 2,
        manifests: image.platforms.map((platform) => {
          const [os = '', architecture = ''] = platform.split('/')
          return {
            mediaType: mediaType.ociManifest,
            digest: digestOf(manifest),
            size: manifest.length,
            platform: { os, architecture },
          }
        }),
      })
      top = { type: mediaType.ociIndex, bytes: index }
      this.manifests.set(`${repositoryOf(name)}@${digestOf(index)}`, top)
    }
    this.manifests.set(name, top)
    return {
      config: configDescriptor.digest,
      manifest: digestOf(top.bytes),
      layers: layers.map(({ digest }) => digest),
    }
  }

  #put(bytes: Uint8Array, type: string): OciDescriptor {
    const digest = digestOf(bytes)
    this.blobs.set(digest, bytes)
    return { mediaType: `application/vnd.oci.image.${type}`, digest, size: bytes.length }
  }

  send(request: RegistryRequest): Promise<RegistryResponse> {
    this.requests.push(request.path)
    const [, repository = '', kind = '', reference = ''] =
      /^\/v2\/(.+)\/(manifests|blobs)\/(.+)$/.exec(request.path) ?? []
    if (kind === 'manifests') {
      const known = [...this.manifests.keys()].some((name) => repositoryOf(name) === repository)
      if (!known) return Promise.resolve(answer(401, 'UNAUTHORIZED', 'authentication required'))
      const separator = reference.startsWith('sha256:') ? '@' : ':'
      const found = this.manifests.get(`${repository}${separator}${reference}`)
      if (!found) return Promise.resolve(answer(404, 'MANIFEST_UNKNOWN', 'manifest unknown'))
      return Promise.resolve({
        status: 200,
        headers: { 'content-type': found.type },
        body: new Blob([new Uint8Array(found.bytes)]).stream(),
      })
    }
    const bytes = this.blobs.get(reference)
    if (!bytes) return Promise.resolve(answer(404, 'BLOB_UNKNOWN', 'blob unknown'))
    return Promise.resolve({ status: 200, headers: {}, body: this.#stream(bytes, request.signal) })
  }

  #stream(bytes: Uint8Array, signal: AbortSignal | undefined): ReadableStream<Uint8Array> {
    this.open++
    this.most = Math.max(this.most, this.open)
    let sent = false
    const done = (): void => void this.open--
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          signal?.addEventListener('abort', () => controller.error(signal.reason))
        },
        pull: async (controller) => {
          if (!sent) {
            sent = true
            controller.enqueue(bytes.slice(0, bytes.length / 2))
            return
          }
          await this.hold
          if (signal?.aborted) return
          controller.enqueue(bytes.slice(bytes.length / 2))
          controller.close()
          done()
        },
        cancel: done,
      },
      { highWaterMark: 0 },
    )
  }
}

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

const repositoryOf = (name: string): string => name.replace(/[:@].*$/, '')

const answer = (status: number, code: string, message: string): RegistryResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: new Blob([JSON.stringify({ errors: [{ code, message }] })]).stream(),
})
