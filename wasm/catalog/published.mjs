// What is published already, so that a build adds to it: layers are downloaded by every clone and every visitor.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { readTar } from './tar.mjs'

/** Above this share of what it lies on, a layer of changes costs more than the layers anew save. */
const MOST_CHANGED = 0.5
/** How the history of an image (config.md#history) calls a layer of changes. */
const CHANGES = 'drydock: changes since'

/** The images of a layout (image-layout.md) that was written before. */
export class Published {
  #blobs
  #manifests

  constructor(path) {
    this.#blobs = join(path, 'blobs', 'sha256')
    const index = join(path, 'index.json')
    this.#manifests = existsSync(index) ? JSON.parse(readFileSync(index, 'utf8')).manifests : []
  }

  /**
   * The layers of an image but its changes, as `Layout.add` takes them; none for an image that is new.
   * @returns {{layer: object, createdBy: string, epoch: number}[]}
   */
  layers(reference) {
    const found = this.#manifests.find(
      ({ annotations }) => annotations['org.opencontainers.image.ref.name'] === reference,
    )
    if (!found) return []
    const manifest = this.#json(found.digest)
    const { rootfs, history } = this.#json(manifest.config.digest)
    return manifest.layers
      .map(({ digest, annotations }, at) => ({
        layer: {
          blob: this.#blob(digest),
          digest,
          diffId: rootfs.diff_ids[at],
          tocDigest: annotations['containerd.io/snapshot/stargz/toc.digest'],
        },
        createdBy: history[at].created_by,
        epoch: Date.parse(history[at].created) / 1000,
      }))
      .filter(({ createdBy }) => !createdBy.startsWith(CHANGES))
  }

  #blob(digest) {
    return readFileSync(join(this.#blobs, digest.slice('sha256:'.length)))
  }

  #json(digest) {
    return JSON.parse(this.#blob(digest).toString())
  }
}

/**
 * The published layers and, above them, a thin one of what has changed.
 * @param {object} options
 * @param {ReturnType<Published['layers']>} options.layers
 * @param {import('./tar.mjs').TarEntry[]} options.tree the image's files
 * @param {number} options.epoch of the tree, seconds
 * @param {(changes: import('./tar.mjs').TarEntry[]) => object} options.build makes the thin layer
 * @returns undefined where layers made anew are better
 */
export function withChanges({ layers, tree, epoch, build }) {
  const top = layers.at(-1)
  if (!top) return undefined
  const changes = changesAbove(layers, tree, epoch)
  if (changes.length === 0) return layers
  const layer = build(changes)
  if (layer.blob.length > MOST_CHANGED * top.layer.blob.length) return undefined
  const since = new Date(top.epoch * 1000).toISOString().slice(0, 10)
  return [...layers, { layer, createdBy: `${CHANGES} ${since}`, epoch }]
}

/** What must be laid over layers to get `tree`. What each build made itself is as old as that build: its time is no change. */
export function changesAbove(layers, tree, epoch) {
  return difference(filesOf(layers, epoch), tree)
}

/** The files that layers make together (image-spec, layer.md#whiteouts), without what eStargz adds; dated as another build would. */
export function filesOf(layers, epoch) {
  const files = new Map()
  for (const { layer, epoch: made } of layers) {
    const entries = readTar(gunzipSync(layer.blob)).filter(
      ({ name }) => !/^(stargz\.index\.json|\.(no\.)?prefetch\.landmark)$/.test(name),
    )
    for (const { name } of entries) {
      const [, folder, gone] = WHITEOUT.exec(name) ?? []
      if (gone === undefined) continue
      const hidden = `${folder ?? ''}${gone}`
      for (const path of files.keys())
        if (path === hidden || path.startsWith(`${hidden}/`)) files.delete(path)
    }
    for (const entry of entries)
      if (!WHITEOUT.test(entry.name))
        files.set(entry.name.replace(/\/$/, ''), madeAgain(entry, made, epoch))
  }
  return [...files.values()]
}

const WHITEOUT = /^(.*\/)?\.wh\.([^/]+)$/
const dayOf = (seconds) => String(Math.floor(seconds / 86_400))

/** How another build would date what this one made: by `mtime`, and in shadow(5) by the day of the last change. */
function madeAgain(entry, made, epoch) {
  const again = { ...entry, made: entry.mtime === made ? epoch : entry.mtime }
  if (entry.name !== 'etc/shadow') return again
  const text = entry.data.toString().replaceAll(`:${dayOf(made)}:`, `:${dayOf(epoch)}:`)
  return { ...again, data: Buffer.from(text) }
}

/** What must be laid over `lower` to get `upper`: changed entries, their parents, whiteouts. */
function difference(lower, upper) {
  const before = new Map(lower.map((entry) => [entry.name, entry]))
  const after = new Map(upper.map((entry) => [entry.name, entry]))
  const chosen = new Set()
  const choose = (entry) => {
    if (chosen.has(entry)) return
    const cut = entry.name.replace(/\/$/, '').lastIndexOf('/')
    if (cut > 0) choose(after.get(entry.name.slice(0, cut + 1)))
    // A hard link names an entry of its own layer.
    if (entry.type === 'hardlink') choose(after.get(entry.linkName))
    chosen.add(entry)
  }
  for (const entry of upper) if (!same(before.get(entry.name), entry)) choose(entry)
  const gone = lower
    .map(({ name }) => name.replace(/\/$/, ''))
    .filter((name) => !after.has(name) && !after.has(`${name}/`))
    .filter((name, at, all) => !all.some((other) => name.startsWith(`${other}/`)))
  const whiteouts = gone.map((name) => {
    const cut = name.lastIndexOf('/') + 1
    const parent = after.get(name.slice(0, cut))
    if (parent) choose(parent)
    const mark = { type: 'reg', mode: 0o644, uid: 0, gid: 0, mtime: 0, data: Buffer.alloc(0) }
    return { name: `${name.slice(0, cut)}.wh.${name.slice(cut)}`, ...mark }
  })
  return [...chosen, ...whiteouts]
}

function same(a, b) {
  if (!a || a.type !== b.type || a.linkName !== b.linkName) return false
  if (a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid) return false
  if (a.mtime !== b.mtime && a.made !== b.mtime) return false
  if (JSON.stringify([...(a.xattrs ?? [])]) !== JSON.stringify([...(b.xattrs ?? [])])) return false
  return a.data === undefined || a.data.equals(b.data)
}
