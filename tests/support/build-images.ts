import { request } from 'node:http'
import { mergeLayers } from '../../src/codec/layer-merge.ts'
import { readTar } from '../../src/codec/tar/read.ts'
import type { OciImageConfig } from '../../src/core/oci.ts'
import type { Layer, LayerEntry, RootfsNode } from '../../src/core/layer.ts'

export interface Answer {
  readonly status: number
  readonly bytes: Uint8Array
}

/** One request to an engine on a unix socket. */
export function call(
  socketPath: string,
  method: string,
  path: string,
  body?: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { socketPath, method, path, headers: { 'content-type': 'application/x-tar', ...headers } },
      (answer) => {
        const pieces: Uint8Array[] = []
        answer.on('data', (piece: Uint8Array) => pieces.push(piece))
        answer.on('error', reject)
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, bytes: new Uint8Array(Buffer.concat(pieces)) }),
        )
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

const textOf = ({ bytes }: Answer): string => new TextDecoder().decode(bytes)

export interface BuildMessage {
  readonly stream?: string
  readonly error?: string
  readonly errorDetail?: { readonly code?: number; readonly message: string }
  readonly aux?: { readonly ID?: string }
}

export interface Built {
  readonly status: number
  readonly messages: readonly BuildMessage[]
  /** All that the steps said. */
  readonly output: string
  readonly error?: string
  readonly image?: string
}

/** POST /build, as the classic client does. */
export async function build(
  socketPath: string,
  tar: Uint8Array,
  query: Readonly<Record<string, unknown>> = {},
): Promise<Built> {
  const pairs = Object.entries(query).map(([name, value]): [string, string] => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  const answer = await call(
    socketPath,
    'POST',
    `/build?${new URLSearchParams(pairs).toString()}`,
    tar,
  )
  const lines = textOf(answer)
    .split('\r\n')
    .filter((line) => line.trim() !== '')
  if (answer.status !== 200) {
    const { message } = JSON.parse(textOf(answer)) as { readonly message: string }
    return { status: answer.status, messages: [], output: '', error: message }
  }
  const messages = lines.map((line) => JSON.parse(line) as BuildMessage)
  const image = messages.find(({ aux }) => aux?.ID !== undefined)?.aux?.ID
  const error = messages.find((message) => message.error !== undefined)?.error
  return {
    status: answer.status,
    messages,
    output: messages.map(({ stream = '' }) => stream).join(''),
    ...(error === undefined ? {} : { error }),
    ...(image === undefined ? {} : { image }),
  }
}

export interface ImageContent {
  readonly config: OciImageConfig
  readonly layers: readonly Layer[]
  readonly root: RootfsNode
}

/** What an archive of `docker save` holds. */
export async function readImage(archive: Uint8Array): Promise<ImageContent> {
  const files = new Map<string, Uint8Array>()
  const chunks = async function* (bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(bytes)
  }
  for await (const { path, kind, offset, size } of readTar(chunks(archive))) {
    if (kind === 'file') files.set(path, archive.subarray(offset, offset + size))
  }
  const json = (path: string): unknown => JSON.parse(new TextDecoder().decode(files.get(path)))
  const [manifest] = json('manifest.json') as readonly {
    readonly Config: string
    readonly Layers: readonly string[]
  }[]
  if (!manifest) throw new Error('the archive has no image')
  const layers: Layer[] = []
  for (const path of manifest.Layers) {
    const bytes = files.get(path) ?? new Uint8Array()
    const entries: LayerEntry[] = []
    for await (const entry of readTar(chunks(bytes))) entries.push(entry)
    layers.push({
      entries,
      source: { read: (offset, length) => bytes.subarray(offset, offset + length) },
    })
  }
  return { config: json(manifest.Config) as OciImageConfig, layers, root: mergeLayers(layers) }
}

export async function savedImage(socketPath: string, name: string): Promise<ImageContent> {
  const { bytes } = await call(socketPath, 'GET', `/images/${name}/get`)
  return readImage(bytes)
}

/** The node at a path, without following links. */
export function nodeAt(root: RootfsNode, path: string): RootfsNode | undefined {
  let node: RootfsNode | undefined = root
  for (const part of path.split('/')) node = node?.children?.get(part)
  return node
}

export const contentOf = (node: RootfsNode): string =>
  new TextDecoder().decode(
    (node.source?.read(node.offset, node.size) as Uint8Array | undefined) ?? new Uint8Array(),
  )
