import { sha256 } from '../../codec/sha256.ts'
import type { Digest } from '../../core/digest.ts'
import type { ImageDeleteItem } from '../../core/engine-api.ts'
import { EngineError } from '../../core/error.ts'
import { canonical, familiar, parseReference, withDefaultTag } from '../../core/reference.ts'
import { shortId } from '../../core/short-id.ts'
import type { Filters } from '../filters.ts'
import { parseMoment } from '../moment.ts'
import { createdOf } from './image.ts'
import type { StoredImage } from './image.ts'
import type { ImageStore } from './image-store.ts'

/**
 * Untag or delete an image (moby daemon/images/image_delete.go).
 * @param options.force also what stopped containers use, and what has several names
 * @throws EngineError `not-found`, `conflict`
 */
export async function remove(
  store: ImageStore,
  nameOrId: string,
  options: { readonly force: boolean },
): Promise<ImageDeleteItem[]> {
  const image = store.find(nameOrId)
  const plan = planRemoval(store, image, nameOrId, options)
  const items = plan.untagged.map((name): ImageDeleteItem => ({ Untagged: familiarOf(name) }))
  // One commit: a power cut leaves no image half removed, without a name.
  if (plan.isDeleted) return [...items, ...(await deleteImage(store, image, plan.untagged))]
  if (plan.untagged.length > 0)
    announceUntagged(store, await store.untag(image, plan.untagged), plan.untagged)
  return items
}

interface Removal {
  /** Names that go. */
  readonly untagged: readonly string[]
  readonly isDeleted: boolean
}

/** @throws EngineError `conflict` when nothing is to be done */
function planRemoval(
  store: ImageStore,
  image: StoredImage,
  nameOrId: string,
  { force }: { readonly force: boolean },
): Removal {
  const untagged = new Set<string>()
  const names = (): string[] => namesOf(image).filter((name) => !untagged.has(name))
  const byName = !isIdPrefix(image.id, nameOrId)
  if (byName) {
    const [user] = store.containersOf(image.id)
    if (!force && hasOneName(image) && user) {
      throw new EngineError(
        'conflict',
        `conflict: unable to remove repository reference "${nameOrId}" (must force) - container ${shortId(user.id)} is using its referenced image ${shortId(image.id)}`,
      )
    }
    const name = nameIn(image, nameOrId)
    untagged.add(name)
    const repository = repositoryOf(name)
    const others = Object.keys(image.tags).filter(
      (tag) => !untagged.has(tag) && repositoryOf(tag) === repository,
    )
    if (others.length === 0 && !name.includes('@')) {
      for (const digest of image.digests)
        if (repositoryOf(digest) === repository) untagged.add(digest)
    }
    if (names().length > 0) return { untagged: [...untagged], isDeleted: false }
  } else if (hasOneName(image)) {
    checkUse(store, image, force)
    for (const name of names()) untagged.add(name)
  }
  const users = store.containersOf(image.id)
  // Its name is gone already: what is left of it stays for its containers.
  if (byName && (users.some(isRunning) || (!force && users.length > 0)))
    return { untagged: [...untagged], isDeleted: false }
  checkUse(store, image, force)
  if (names().length > 0) {
    if (!force)
      throw conflict(image, 'must be forced', 'image is referenced in multiple repositories')
    for (const name of names()) untagged.add(name)
  }
  return { untagged: [...untagged], isDeleted: true }
}

function announceUntagged(store: ImageStore, image: StoredImage, names: readonly string[]): void {
  for (const _ of names) store.announce('untag', image.id, image.id, image)
}

const isRunning = ({ state }: { readonly state: string }): boolean =>
  state === 'running' || state === 'paused' || state === 'restarting'

function checkUse(store: ImageStore, image: StoredImage, force: boolean): void {
  const users = store.containersOf(image.id)
  const running = users.find(isRunning)
  if (running) {
    throw conflict(
      image,
      'cannot be forced',
      `image is being used by running container ${shortId(running.id)}`,
    )
  }
  const [stopped] = users
  if (stopped && !force) {
    throw conflict(
      image,
      'must be forced',
      `image is being used by stopped container ${shortId(stopped.id)}`,
    )
  }
}

const conflict = (image: StoredImage, how: string, why: string): EngineError =>
  new EngineError('conflict', `conflict: unable to delete ${shortId(image.id)} (${how}) - ${why}`)

async function deleteImage(
  store: ImageStore,
  image: StoredImage,
  untagged: readonly string[],
): Promise<ImageDeleteItem[]> {
  const chain = await chainIds(image.config.rootfs.diff_ids)
  const kept = new Set<Digest>()
  for (const { id, config } of store.all()) {
    if (id === image.id) continue
    for (const chainId of await chainIds(config.rootfs.diff_ids)) kept.add(chainId)
  }
  await store.delete(image)
  announceUntagged(store, image, untagged)
  store.announce('delete', image.id, image.id, image)
  const isKept = store.containersOf(image.id).length > 0
  const gone = isKept ? [] : chain.filter((chainId) => !kept.has(chainId)).reverse()
  return [image.id, ...gone].map((digest) => ({ Deleted: digest }))
}

export interface PruneResult {
  readonly ImagesDeleted: readonly ImageDeleteItem[] | null
  readonly SpaceReclaimed: number
}

/** Remove what no container uses: the untagged, or with `dangling=false` all. */
export async function prune(store: ImageStore, filters: Filters): Promise<PruneResult> {
  filters.check(['dangling', 'label', 'label!', 'until'])
  const danglingOnly = filters.bool('dangling', true)
  const { clock } = store.context
  const until = filters.get('until').map((text) => parseMoment(text, clock.now()))
  const before = store.layers.total()
  const deleted: ImageDeleteItem[] = []
  for (const image of store.all()) {
    const labels = image.config.config?.Labels
    const wanted =
      store.containersOf(image.id).length === 0 &&
      !(danglingOnly && namesOf(image).length > 0) &&
      filters.labels(labels) &&
      !(filters.has('label!') && filters.labels(labels, 'label!')) &&
      until.every((moment) => createdOf(image) < moment)
    if (!wanted) continue
    const names = namesOf(image)
    for (const name of names) deleted.push({ Untagged: familiarOf(name) })
    deleted.push(...(await deleteImage(store, image, names)))
  }
  const reclaimed = before - store.layers.total()
  store.context.events.publish({
    Type: 'image',
    Action: 'prune',
    Actor: { ID: '', Attributes: { reclaimed: String(reclaimed) } },
  })
  return { ImagesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed }
}

const namesOf = (image: StoredImage): string[] => [...Object.keys(image.tags), ...image.digests]

const familiarOf = (name: string): string => familiar(parseReference(name))

/** `docker.io/library/busybox` of a full reference. */
const repositoryOf = (name: string): string => name.replace(/@.*$/, '').replace(/:[^:/]*$/, '')

const isIdPrefix = (id: Digest, text: string): boolean =>
  id.startsWith(text) || id.startsWith(`sha256:${text}`)

function nameIn(image: StoredImage, text: string): string {
  const { domain, path, tag, digest } = withDefaultTag(parseReference(text))
  const name = canonical({ domain, path, ...(digest ? { digest } : { tag: tag ?? 'latest' }) })
  return namesOf(image).includes(name) ? name : (namesOf(image)[0] ?? name)
}

/** One tag at most, and all names in one repository. */
function hasOneName(image: StoredImage): boolean {
  const names = namesOf(image)
  return (
    names.length > 0 &&
    Object.keys(image.tags).length <= 1 &&
    new Set(names.map(repositoryOf)).size === 1
  )
}

/** Digest of the whole of so many layers (image-spec v1.1.1, config.md#layer-chainid). */
async function chainIds(diffIds: readonly Digest[]): Promise<Digest[]> {
  const chain: Digest[] = []
  for (const diffId of diffIds) {
    const parent = chain.at(-1)
    chain.push(parent ? await sha256(new TextEncoder().encode(`${parent} ${diffId}`)) : diffId)
  }
  return chain
}
