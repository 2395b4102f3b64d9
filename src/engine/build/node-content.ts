import type { RootfsNode } from '../../core/layer.ts'

const STEP = 1024 * 1024

/** A file's bytes, 1 MiB at most at a time. */
export async function* contentOf(node: RootfsNode): AsyncGenerator<Uint8Array, void, undefined> {
  const { source, offset, size } = node
  if (!source) return
  for (let at = 0; at < size;) {
    const chunk = source.read(offset + at, Math.min(STEP, size - at))
    const bytes = chunk instanceof Uint8Array ? chunk : await chunk
    if (bytes.length === 0) throw new Error('a file is shorter than its entry says')
    at += bytes.length
    yield bytes
  }
}

/** A whole file that is known to be small. */
export async function readNode(node: RootfsNode): Promise<Uint8Array<ArrayBuffer>> {
  const whole = new Uint8Array(node.size)
  let at = 0
  for await (const bytes of contentOf(node)) {
    whole.set(bytes, at)
    at += bytes.length
  }
  return whole
}
