import { EngineError } from '../../core/error.ts'
import type { ContainerFiles } from '../../core/guest-archives.ts'
import type { GuestError } from '../../core/guest-protocol.ts'
import type { RuntimeMount } from '../../core/runtime-spec.ts'
import type { Container } from './container.ts'
import type { ContainerSet } from './container-set.ts'
import type { Context } from '../context.ts'
import type { MountPoint } from '../volumes/mount-point.ts'
import { containerMounts } from './mounts.ts'

/** A container's files; while it doesn't run, nobody starts or removes it before this is disposed. */
export interface HeldFiles extends Disposable {
  readonly files: ContainerFiles
}

/** @param volumes whether what is mounted in it is seen, as `cp` sees it */
export async function holdFiles(
  containers: ContainerSet,
  container: Container,
  { volumes, signal }: { readonly volumes: boolean; readonly signal?: AbortSignal },
): Promise<HeldFiles> {
  const lock = await container.starting.lock(signal)
  try {
    const { status } = container.state
    if (status === 'removing' || status === 'dead') {
      throw new EngineError(
        'conflict',
        `container ${container.id} is marked for removal and its files cannot be used`,
      )
    }
    const { tree, root } = await containers.images.tree(container.record.image)
    containers.context.machine.trees.add(tree, root)
    const points = volumes ? await containers.volumes.place(container.record.mounts ?? []) : []
    const mounts = volumes ? volumesOf(containers.context, container, points) : []
    const files = { container: container.id, tree, ...(mounts.length > 0 ? { mounts } : {}) }
    const runs = status === 'running' || status === 'paused'
    if (runs) lock[Symbol.dispose]()
    return { files, [Symbol.dispose]: () => (runs ? undefined : lock[Symbol.dispose]()) }
  } catch (error) {
    lock[Symbol.dispose]()
    throw error
  }
}

/** Its binds, and the files that are bound to each container's /etc. */
export function volumesOf(
  { machine }: Context,
  { id, record }: Container,
  points: readonly MountPoint[] = record.mounts ?? [],
): readonly RuntimeMount[] {
  return containerMounts(machine.places, id, record.hostConfig, points).filter(
    ({ type, destination }) => type === 'bind' && destination !== '/sbin/docker-init',
  )
}

/** A stream that releases what it needs when it ends, fails or isn't wanted any more. */
export function holding(
  stream: ReadableStream<Uint8Array>,
  held: Disposable,
): ReadableStream<Uint8Array> {
  const reader = stream.getReader()
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const { done, value } = await reader.read()
          if (!done) {
            controller.enqueue(value)
            return
          }
          held[Symbol.dispose]()
          controller.close()
        } catch (error) {
          held[Symbol.dispose]()
          throw error
        }
      },
      cancel: async (reason) => {
        held[Symbol.dispose]()
        await reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

/** guestd says that no such file is there. */
export const isMissing = (error: unknown): boolean =>
  error instanceof EngineError &&
  (error.cause as Partial<GuestError> | undefined)?.code === 'no-path'
