import { createDigester } from '../../codec/sha256.ts'
import type { Digest } from '../../core/digest.ts'
import type { RootfsNode } from '../../core/layer.ts'
import { readNode } from './node-content.ts'

const encoder = new TextEncoder()
/** A file's content, hashed once. */
const contents = new WeakMap<RootfsNode, Digest>()

/** Makes the names of cached layers: what a step does and what it works on, never when. */
export class CacheKeys {
  readonly #digest: (bytes: Uint8Array) => Digest

  private constructor(digest: (bytes: Uint8Array) => Digest) {
    this.#digest = digest
  }

  static async create(): Promise<CacheKeys> {
    return new CacheKeys(await createDigester())
  }

  /** @param parts any JSON; order of members counts */
  of(...parts: readonly unknown[]): Digest {
    return this.#digest(encoder.encode(JSON.stringify(parts)))
  }

  bytes(bytes: Uint8Array): Digest {
    return this.#digest(bytes)
  }

  /**
   * What a node and all below it are: as in Docker, all but modification times.
   * @param skip true for what is left out of a directory, by its path in there
   */
  async tree(node: RootfsNode, skip: (path: string) => boolean = never): Promise<Digest> {
    const lines: unknown[] = []
    await this.#list(node, '', skip, lines)
    return this.of(lines)
  }

  async #list(
    node: RootfsNode,
    path: string,
    skip: (path: string) => boolean,
    lines: unknown[],
  ): Promise<void> {
    if (path !== '' && skip(path)) return
    const { kind, mode, uid, gid, target, major, minor, xattrs } = node
    if (kind !== 'directory') {
      const content = kind === 'file' ? await this.content(node) : ''
      lines.push([path, kind, mode, uid, gid, content, target, major, minor, xattrsOf(xattrs)])
      return
    }
    // The directory that is copied gives nothing but what lies in it.
    if (path !== '') lines.push([path, kind, mode, uid, gid, xattrsOf(xattrs)])
    const children = [...(node.children ?? [])].sort(([left], [right]) => (left < right ? -1 : 1))
    for (const [name, child] of children) {
      await this.#list(child, path === '' ? name : `${path}/${name}`, skip, lines)
    }
  }

  async content(node: RootfsNode): Promise<Digest> {
    const known = contents.get(node)
    if (known) return known
    const digest = this.#digest(await readNode(node))
    contents.set(node, digest)
    return digest
  }
}

const never = (): boolean => false

const xattrsOf = (xattrs: RootfsNode['xattrs']): unknown =>
  xattrs &&
  Object.entries(xattrs)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => [name, [...value]])
