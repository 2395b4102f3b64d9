import type { Container } from './container.ts'
import type { ContainerSet } from './container-set.ts'
import { holdFiles } from './files.ts'

/** ChangeItem of the Engine API. */
export interface ContainerChange {
  readonly Path: string
  /** 0 modified, 1 added, 2 deleted. */
  readonly Kind: 0 | 1 | 2
}

/** What a container has changed in its image's files; null for nothing, as Docker answers. */
export async function containerChanges(
  containers: ContainerSet,
  container: Container,
  signal: AbortSignal,
): Promise<readonly ContainerChange[] | null> {
  using held = await holdFiles(containers, container, { volumes: false, signal })
  const changes = await containers.context.machine.files.listChanges(held.files, { signal })
  return changes.length === 0 ? null : changes.map(({ kind, path }) => ({ Path: path, Kind: kind }))
}
