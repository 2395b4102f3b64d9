import type { RootfsNode } from '../../core/layer.ts'

/** Images' trees, for the containers that are started from them. */
export interface MachineTrees {
  /** Make an image's tree readable under `id` (32 to 64 hex characters) for `run`. Adding again is no error. */
  add(id: string, root: RootfsNode): void
  /** Forget a tree that no container uses. */
  remove(id: string): void
}
