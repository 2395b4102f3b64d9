import type { ImageHistoryItem, ImageInspect, ImageSummary } from '../../core/engine-api.ts'
import { EngineError } from '../../core/error.ts'
import { familiar, familiarName, parseReference } from '../../core/reference.ts'
import type { Filters } from '../filters.ts'
import { parseMoment } from '../moment.ts'
import { createdOf, STORAGE_DRIVER, timeOf, toRecord, type StoredImage } from './image.ts'
import type { ImageStore } from './image-store.ts'

export interface ListOptions {
  readonly filters: Filters
  /** Compute what images have in common. */
  readonly sharedSize?: boolean
}

/** Newest first (moby daemon/images/images.go). */
export function list(store: ImageStore, { filters, sharedSize }: ListOptions): ImageSummary[] {
  filters.check(['before', 'dangling', 'label', 'reference', 'since', 'until'])
  const wanted = selector(store, filters)
  const all = store.all()
  return all
    .flatMap((image) => {
      const tags = wanted(image)
      if (!tags) return []
      return [
        {
          Containers: -1,
          Created: Math.floor(createdOf(image) / 1000),
          Id: image.id,
          Labels: image.config.config?.Labels ?? null,
          ParentId: '',
          RepoDigests: toRecord(image).repoDigests,
          RepoTags: tags,
          SharedSize: sharedSize ? sharedBytes(store, image, all) : -1,
          Size: image.size,
        },
      ]
    })
    .sort((left, right) => right.Created - left.Created)
}

/** The tags to show of an image; undefined for one that isn't asked for. */
function selector(
  store: ImageStore,
  filters: Filters,
): (image: StoredImage) => readonly string[] | undefined {
  const dangling = filters.has('dangling') ? filters.bool('dangling', false) : undefined
  const now = store.context.clock.now()
  const before = filters.get('before').map((name) => createdOf(store.find(name)))
  const until = filters.get('until').map((text) => parseMoment(text, now))
  const since = filters.get('since').map((name) => createdOf(store.find(name)))
  const patterns = filters.get('reference').map(globPattern)
  return (image) => {
    const created = createdOf(image)
    const { repoTags } = toRecord(image)
    const tags = patterns.length === 0 ? repoTags : repoTags.filter((tag) => fits(tag, patterns))
    const fitting =
      (dangling === undefined || dangling === (repoTags.length === 0)) &&
      [...before, ...until].every((moment) => created < moment) &&
      since.every((moment) => created > moment) &&
      filters.labels(image.config.config?.Labels) &&
      (patterns.length === 0 || tags.length > 0)
    return fitting ? tags : undefined
  }
}

const fits = (tag: string, patterns: readonly RegExp[]): boolean => {
  const reference = parseReference(tag)
  return patterns.some(
    (pattern) => pattern.test(familiar(reference)) || pattern.test(familiarName(reference)),
  )
}

/** Go's path.Match: `*` and `?` stop at slashes. */
function globPattern(glob: string): RegExp {
  const source = glob.replaceAll(/\\.|\[[^\]]*\]|[\\^$.|+(){}[\]*?]/g, (text) => {
    if (text === '*') return '[^/]*'
    if (text === '?') return '[^/]'
    return text.length > 1 ? text : `\\${text}`
  })
  try {
    return new RegExp(`^${source}$`)
  } catch {
    throw new EngineError('invalid-parameter', 'syntax error in pattern')
  }
}

function sharedBytes(store: ImageStore, image: StoredImage, all: readonly StoredImage[]): number {
  const others = all.filter(({ id }) => id !== image.id)
  return store.layers.size(
    image.config.rootfs.diff_ids.filter((diffId) =>
      others.some(({ config }) => config.rootfs.diff_ids.includes(diffId)),
    ),
  )
}

export function inspect(image: StoredImage): ImageInspect {
  const { config } = image
  const { repoTags, repoDigests, size, created, lastTagTime } = toRecord(image)
  return {
    Id: image.id,
    RepoTags: repoTags,
    RepoDigests: repoDigests,
    Parent: '',
    Comment: config.comment ?? config.history?.at(-1)?.comment ?? '',
    Created: created,
    DockerVersion: config.docker_version ?? '',
    Author: config.author ?? '',
    Config: {
      User: '',
      Env: null,
      Cmd: null,
      Entrypoint: null,
      Volumes: null,
      WorkingDir: '',
      OnBuild: null,
      Labels: null,
      ...config.config,
    },
    Architecture: config.architecture,
    ...(config.variant ? { Variant: config.variant } : {}),
    Os: config.os,
    Size: size,
    GraphDriver: { Data: null, Name: STORAGE_DRIVER },
    RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
    Metadata: { LastTagTime: lastTagTime },
  }
}

/** Newest first; only the last step has an ID of its own. */
export function history(store: ImageStore, image: StoredImage): ImageHistoryItem[] {
  const { config } = image
  let layer = 0
  const steps = (config.history ?? []).map((step): ImageHistoryItem => {
    const diffId = step.empty_layer ? undefined : config.rootfs.diff_ids[layer++]
    return {
      Comment: step.comment ?? '',
      Created: Math.floor(timeOf(step.created) / 1000),
      CreatedBy: step.created_by ?? '',
      Id: '<missing>',
      Size: diffId ? store.layers.size([diffId]) : 0,
      Tags: null,
    }
  })
  const last = steps.at(-1)
  const { repoTags } = toRecord(image)
  if (last) {
    steps[steps.length - 1] = {
      ...last,
      Id: image.id,
      Tags: repoTags.length > 0 ? repoTags : null,
    }
  }
  return steps.reverse()
}
