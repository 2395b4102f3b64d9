import { mergeLayers } from '../../codec/layer-merge.ts'
import { readTar } from '../../codec/tar/read.ts'
import { TarWriter } from '../../codec/tar/write.ts'
import type { Layer, LayerEntry, RootfsNode } from '../../core/layer.ts'
import { ExitError, type Invocation } from '../../kit/command.ts'
import { pathFrom } from '../../kit/paths.ts'
import { joinBytes } from '../../codec/join-bytes.ts'

/** Where a build's result goes besides the engine's images. */
export interface BuildOutput {
  readonly type: 'local' | 'tar' | 'oci' | 'docker'
  /** Absolute; undefined: stdout. */
  readonly path: string | undefined
}

/** @throws ExitError */
export function parseOutputs(invocation: Invocation, texts: readonly string[]): BuildOutput[] {
  return texts.flatMap((text): BuildOutput[] => {
    const isPath = !text.includes('=')
    const fields = new Map(
      isPath
        ? [text === '-' ? ['type', 'tar'] : ['type', 'local'], ['dest', text]]
        : text.split(',').map((field): [string, string] => {
            const at = field.indexOf('=')
            if (at < 0) throw new ExitError(1, `ERROR: invalid value ${field}`)
            return [field.slice(0, at).toLowerCase(), field.slice(at + 1)]
          }),
    )
    const type = fields.get('type')
    const destination = fields.get('dest') ?? fields.get('destination')
    const path =
      destination === undefined || destination === '-'
        ? undefined
        : pathFrom(invocation.host, destination)
    switch (type) {
      case 'image':
        return []
      case 'docker':
        return path === undefined ? [] : [{ type, path }]
      case 'local':
        if (path === undefined) throw new ExitError(1, 'ERROR: dest is required for local output')
        return [{ type, path }]
      case 'tar':
      case 'oci':
        if (path === undefined && invocation.host.tty[1]) {
          throw new ExitError(
            1,
            `ERROR: dest file is required for ${type} exporter. refusing to write to console`,
          )
        }
        return [{ type, path }]
      case undefined:
        throw new ExitError(1, 'ERROR: type is required for output')
      default:
        throw new ExitError(1, `ERROR: Drydock has no output of type ${type}`)
    }
  })
}

/** Write what was asked for; an image that was built for this alone goes. */
export async function writeOutputs(
  invocation: Invocation,
  outputs: readonly BuildOutput[],
  image: string,
  names: readonly string[],
): Promise<void> {
  if (outputs.length === 0) return
  const { client, signal, host, out } = invocation
  for (const { type, path } of outputs) {
    const archive = await client.images.save(names.length > 0 ? names : [image], signal)
    if (type === 'local') {
      await writeTree(invocation, await filesOf(archive), path ?? host.cwd)
      continue
    }
    const tar = type === 'tar' ? tarOf(await filesOf(archive)) : archive
    if (path === undefined) for await (const bytes of tar) await out.bytes(bytes)
    else await host.files.write(path, tar, { mode: 0o644, exclusive: false })
  }
  const hasNames = names.length > 0
  if (!hasNames)
    await client.images.remove(image, { noprune: false }, signal).catch(() => undefined)
}

/** The tree of an image's files, out of its archive (docker save). */
async function filesOf(archive: ReadableStream<Uint8Array>): Promise<RootfsNode> {
  const blobs = new Map<string, Uint8Array[]>()
  for await (const _ of readTar(archive, (entry, bytes) => {
    const pieces = blobs.get(entry.path) ?? []
    blobs.set(entry.path, pieces)
    pieces.push(bytes.slice())
  })) {
    // Contents are gathered as they pass.
  }
  const read = (path: string): Uint8Array => joinBytes(blobs.get(path) ?? [])
  const manifest = JSON.parse(new TextDecoder().decode(read('manifest.json'))) as readonly {
    readonly Layers: readonly string[]
  }[]
  const layers: Layer[] = []
  for (const path of manifest[0]?.Layers ?? []) {
    const bytes = read(path)
    const entries: LayerEntry[] = []
    for await (const entry of readTar(new Blob([bytes as Uint8Array<ArrayBuffer>]).stream()))
      entries.push(entry)
    layers.push({
      entries,
      source: { read: (offset, length) => bytes.subarray(offset, offset + length) },
    })
  }
  return mergeLayers(layers)
}

function* walk(
  node: RootfsNode,
  path = '',
): Generator<{ readonly path: string; readonly node: RootfsNode }> {
  const children = [...(node.children ?? [])].sort(([left], [right]) => (left < right ? -1 : 1))
  for (const [name, child] of children) {
    const at = path === '' ? name : `${path}/${name}`
    yield { path: at, node: child }
    yield* walk(child, at)
  }
}

/** From memory. */
const bytesOf = (node: RootfsNode): Uint8Array =>
  (node.source?.read(node.offset, node.size) as Uint8Array | undefined) ?? new Uint8Array()

async function writeTree(
  invocation: Invocation,
  root: RootfsNode,
  directory: string,
): Promise<void> {
  const { files } = invocation.host
  const make = async (path: string, mode: number): Promise<void> => {
    const known = await files.stat(path).catch(() => undefined)
    if (known?.kind !== 'directory') await files.makeDirectory(path, mode)
  }
  const parts = directory.split('/').filter((part) => part !== '')
  for (const [at] of parts.entries()) await make(`/${parts.slice(0, at + 1).join('/')}`, 0o755)
  for (const { path, node } of walk(root)) {
    const target = `${directory === '/' ? '' : directory}/${path}`
    if (node.kind === 'directory') await make(target, node.mode)
    else if (node.kind === 'file') {
      const content = new Blob([bytesOf(node) as Uint8Array<ArrayBuffer>]).stream()
      await files.write(target, content, { mode: node.mode, exclusive: false })
    } else if (node.kind === 'symlink') {
      await files.remove(target).catch(() => undefined)
      await files.makeLink(target, node.target ?? '')
    }
  }
}

function tarOf(root: RootfsNode): ReadableStream<Uint8Array> {
  const writer = new TarWriter()
  const linked = new Map<RootfsNode, string>()
  const pieces = (function* (): Generator<Uint8Array> {
    for (const { path, node } of walk(root)) {
      const { kind, mode, uid, gid, mtime, size, target, major, minor, xattrs } = node
      const first = node.links > 1 && kind !== 'directory' ? linked.get(node) : undefined
      const shared = { path, mode, uid, gid, mtime }
      if (first !== undefined) {
        yield writer.header({ ...shared, kind: 'hardlink', size: 0, target: first })
        continue
      }
      linked.set(node, path)
      yield writer.header({
        ...shared,
        kind,
        size: kind === 'file' ? size : 0,
        ...(target === undefined ? {} : { target }),
        ...(major === undefined ? {} : { major }),
        ...(minor === undefined ? {} : { minor }),
        ...(xattrs === undefined ? {} : { xattrs }),
      })
      if (kind === 'file') {
        yield bytesOf(node)
        yield writer.padding(size)
      }
    }
    yield writer.end()
  })()
  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        const { done, value } = pieces.next()
        if (done === true) controller.close()
        else controller.enqueue(value)
      },
    },
    { highWaterMark: 0 },
  )
}
