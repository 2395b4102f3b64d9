import type { RootfsNode } from '../../src/core/layer.ts'
import type { MachineTrees } from '../../src/ports/machine/trees.ts'

export class ScriptedTrees implements MachineTrees {
  readonly known: Map<string, RootfsNode> = new Map()

  add(id: string, root: RootfsNode): void {
    this.known.set(id, root)
  }

  remove(id: string): void {
    this.known.delete(id)
  }
}
