import type { Digest } from '../../core/digest.ts'
import { EngineError } from '../../core/error.ts'
import type { ContainerFiles } from '../../core/guest-archives.ts'
import type { OciContainerDefaults, OciImageConfig } from '../../core/oci.ts'
import { familiar, parseReference, withDefaultTag, type Reference } from '../../core/reference.ts'
import { PLATFORM } from '../images/platform.ts'
import { pauseContainer, unpauseContainer } from './change.ts'
import type { Container } from './container.ts'
import type { ContainerSet } from './container-set.ts'
import { holdFiles } from './files.ts'
import { changed, completed, defaultsOf } from './image-config.ts'

export interface CommitOptions {
  /** '': the image has no name. */
  readonly repository: string
  readonly tag: string
  readonly comment: string
  readonly author: string
  /** Freeze its processes meanwhile. */
  readonly pause: boolean
  /** Dockerfile instructions. */
  readonly changes: readonly string[]
  /** What a client gave of the image's config. */
  readonly config?: OciContainerDefaults
  readonly signal: AbortSignal
}

/** Diff ID of a layer without members. */
const EMPTY_LAYER: string =
  'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef'

/**
 * An image of a container's files (moby daemon/commit.go).
 * @returns its ID
 * @throws EngineError with Docker's sentences
 */
export async function commitContainer(
  containers: ContainerSet,
  container: Container,
  options: CommitOptions,
): Promise<Digest> {
  const { status } = container.state
  if (status === 'removing' || status === 'dead') {
    const why = status === 'dead' ? 'Dead' : 'being removed'
    throw new EngineError('conflict', `You cannot commit container ${container.id} which is ${why}`)
  }
  const { repository, tag, comment, author, changes, config, signal } = options
  const name = repository
    ? withDefaultTag(parseReference(tag ? `${repository}:${tag}` : repository))
    : undefined
  const given = defaultsOf(container.record.config)
  const defaults = changed(config ? completed(config, given) : given, changes)
  const paused = options.pause && status === 'running'
  if (paused) await pauseContainer(containers, container)
  try {
    using held = await holdFiles(containers, container, { volumes: false, signal })
    const id = await store(containers, container, name ? [name] : [], {
      defaults,
      files: held.files,
      comment,
      author,
      signal,
    })
    container.event('commit', {
      comment,
      imageID: id,
      imageRef: name ? familiar(name) : '',
    })
    return id
  } finally {
    if (paused) await unpauseContainer(containers, container).catch(() => undefined)
  }
}

async function store(
  { context, images }: ContainerSet,
  container: Container,
  names: readonly Reference[],
  options: Pick<CommitOptions, 'comment' | 'author' | 'signal'> & {
    readonly defaults: OciContainerDefaults
    readonly files: ContainerFiles
  },
): Promise<Digest> {
  const { defaults, files, comment, author, signal } = options
  const base = await images.kept(container.record.image)
  const { layer, pin } = await images.layers.add(
    { open: () => context.machine.files.readChanges(files, { signal }) },
    signal,
  )
  try {
    const isEmpty = layer.diffId === EMPTY_LAYER
    const diffIds = [...base.config.rootfs.diff_ids, ...(isEmpty ? [] : [layer.diffId])]
    const all = images.layers.pin(diffIds)
    try {
      const created = new Date(context.clock.now()).toISOString()
      const told = author === '' ? {} : { author }
      const config: OciImageConfig = {
        ...PLATFORM,
        created,
        ...told,
        config: defaults,
        ...(comment === '' ? {} : { comment }),
        rootfs: { type: 'layers', diff_ids: diffIds },
        history: [
          ...(base.config.history ?? []),
          {
            created,
            ...told,
            created_by: (container.record.config.Cmd ?? []).join(' '),
            ...(comment === '' ? {} : { comment }),
            ...(isEmpty ? { empty_layer: true } : {}),
          },
        ],
      }
      return (await images.create(config, names, all)).id
    } finally {
      await all.release()
    }
  } finally {
    await pin.release()
  }
}
