// An OCI image layout (image-spec v1.1.1, image-layout.md) written once, from nothing.

import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from './estargz.mjs'

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'
const PLATFORM = { architecture: '386', os: 'linux' }

/** Collects images; `write` puts the finished layout at a path. Blobs are shared by digest. */
export class Layout {
  #blobs = new Map()
  #manifests = []

  /**
   * @param {object} image
   * @param {string[]} image.references full references, e.g. `docker.io/library/busybox:latest`
   * @param {{layer: ReturnType<typeof import('./estargz.mjs').buildLayer>, createdBy: string, epoch: number}[]} image.layers
   * @param {object} image.config the `config` object of config.md
   * @param {Record<string, string>} [image.annotations] for the descriptors in index.json
   */
  add({ references, layers, config, annotations = {} }) {
    const date = (seconds) => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
    // An image is as old as what is in it, so that one that has not changed keeps its digest.
    const created = date(Math.max(...layers.map((each) => each.epoch)))
    const imageConfig = this.#json({
      created,
      ...PLATFORM,
      config,
      rootfs: { type: 'layers', diff_ids: layers.map(({ layer }) => layer.diffId) },
      history: layers.map((each) => ({
        created: date(each.epoch),
        created_by: each.createdBy,
      })),
    })
    const manifest = this.#json({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: CONFIG, ...imageConfig },
      layers: layers.map(({ layer }) => ({
        mediaType: LAYER,
        ...this.#blob(layer.blob),
        annotations: { 'containerd.io/snapshot/stargz/toc.digest': layer.tocDigest },
      })),
      annotations: config.Labels,
    })
    for (const reference of references)
      this.#manifests.push({
        mediaType: MANIFEST,
        ...manifest,
        platform: PLATFORM,
        annotations: { 'org.opencontainers.image.ref.name': reference, ...annotations },
      })
  }

  /** Replace what is at `path` (a directory, which may be a mount or link) by this layout. */
  write(path) {
    const blobs = join(path, 'blobs', 'sha256')
    mkdirSync(blobs, { recursive: true })
    for (const [digest, bytes] of this.#blobs) {
      const file = join(blobs, digest.slice('sha256:'.length))
      writeFileSync(`${file}.tmp`, bytes)
      renameSync(`${file}.tmp`, file)
    }
    const index = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: this.#manifests,
    }
    writeFileSync(join(path, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}\n')
    writeFileSync(join(path, 'index.json.tmp'), `${JSON.stringify(index, undefined, 2)}\n`)
    renameSync(join(path, 'index.json.tmp'), join(path, 'index.json'))
    // Only now: a reader of the old index still finds its blobs until the new one is there.
    for (const name of readdirSync(blobs))
      if (!this.#blobs.has(`sha256:${name}`)) rmSync(join(blobs, name))
  }

  #json(value) {
    return this.#blob(Buffer.from(JSON.stringify(value)))
  }

  #blob(bytes) {
    const digest = sha256(bytes)
    this.#blobs.set(digest, bytes)
    return { digest, size: bytes.length }
  }
}
