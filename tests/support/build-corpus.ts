import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { BuildContext } from '../../src/kit/build/context.ts'
import { readIgnoreFile } from '../../src/codec/dockerfile/ignore.ts'
import type { OciContainerDefaults } from '../../src/core/oci.ts'
import type { RootfsNode } from '../../src/core/layer.ts'
import { nodeFiles } from '../../src/hosts/node/cli-host.ts'
import { contentOf, nodeAt, type ImageContent } from './build-images.ts'

interface ExpectedFile {
  readonly text?: string
  readonly kind?: RootfsNode['kind']
  readonly mode?: string
  readonly uid?: number
  readonly gid?: number
  readonly target?: string
}

/** What a Dockerfile of the corpus comes to; what isn't said isn't looked at. */
export interface Expected {
  /** Parameters of POST /build. */
  readonly query?: Readonly<Record<string, unknown>>
  /** Part of the error. */
  readonly error?: string
  /** Where BuildKit's sentence isn't the classic one. */
  readonly peerError?: string
  /** False where a real engine of today differs. */
  readonly peer?: false
  /** Part of what the steps say. */
  readonly output?: string
  readonly files?: Readonly<Record<string, string | ExpectedFile>>
  readonly absent?: readonly string[]
  /** Pairs of names of one file. */
  readonly linked?: readonly (readonly [string, string])[]
  /** Members of the image's config; null: not there. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly labels?: Readonly<Record<string, string>>
  /** Besides the base image's. */
  readonly env?: readonly string[]
  readonly author?: string
  /** Layers above the base image's. */
  readonly layers?: number
  /** The last steps of history, in their order. */
  readonly history?: readonly string[]
}

export interface CorpusCase {
  readonly name: string
  readonly folder: string
  readonly expected: Expected
}

const root = new URL('../build/corpus/', import.meta.url).pathname

export const corpus: readonly CorpusCase[] = readdirSync(root).map((name) => ({
  name,
  folder: join(root, name),
  expected: JSON.parse(readFileSync(join(root, name, 'expect.json'), 'utf8')) as Expected,
}))

/** The context's tar, as Drydock's CLI makes it. */
export async function contextOf(
  folder: string,
): Promise<{ readonly tar: Uint8Array; readonly dockerfile: string }> {
  const directory = join(folder, 'context')
  const ignoreFile = join(directory, '.dockerignore')
  const context = await BuildContext.open(
    nodeFiles,
    {
      directory: existsSync(directory) ? directory : undefined,
      dockerfileName: 'Dockerfile',
      dockerfile: readFileSync(join(folder, 'Dockerfile'), 'utf8'),
      dockerfilePath: undefined,
      ignore: existsSync(ignoreFile) ? readIgnoreFile(readFileSync(ignoreFile, 'utf8')) : [],
      ownIgnore: false,
    },
    { contexts: new Map(), secrets: new Map() },
  )
  const tar = new Uint8Array(await new Response(context.tar()).arrayBuffer())
  return { tar, dockerfile: context.dockerfile }
}

/** Hold an image against what is expected of it. */
export function checkImage(
  { config, layers, root: tree }: ImageContent,
  expected: Expected,
  base: { readonly layers: number; readonly env: readonly string[] },
): void {
  for (const [path, wanted] of Object.entries(expected.files ?? {})) {
    const node = nodeAt(tree, path)
    expect(node, path).toBeDefined()
    if (node) checkFile(path, node, typeof wanted === 'string' ? { text: wanted } : wanted)
  }
  for (const path of expected.absent ?? []) expect(nodeAt(tree, path), path).toBeUndefined()
  for (const [one, other] of expected.linked ?? []) {
    expect(nodeAt(tree, one), `${one} and ${other}`).toBe(nodeAt(tree, other))
  }
  const defaults: OciContainerDefaults = config.config ?? {}
  for (const [name, value] of Object.entries(expected.config ?? {})) {
    const found = (defaults as Readonly<Record<string, unknown>>)[name]
    expect(found ?? null, name).toEqual(value)
  }
  if (expected.labels) expect(defaults.Labels).toMatchObject(expected.labels)
  if (expected.env) {
    const own = (defaults.Env ?? []).filter((line) => !base.env.includes(line))
    expect(own).toEqual(expected.env)
  }
  if (expected.author !== undefined) expect(config.author).toBe(expected.author)
  if (expected.layers !== undefined) {
    const isScratch = base.layers > layers.length || expected.layers === layers.length
    expect(isScratch ? layers.length : layers.length - base.layers).toBe(expected.layers)
  }
  if (expected.history) {
    const steps = (config.history ?? []).map((step) => step.created_by)
    expect(steps.slice(-expected.history.length)).toEqual(expected.history)
  }
}

function checkFile(path: string, node: RootfsNode, wanted: ExpectedFile): void {
  if (wanted.text !== undefined) expect(contentOf(node), path).toBe(wanted.text)
  if (wanted.kind !== undefined) expect(node.kind, path).toBe(wanted.kind)
  if (wanted.mode !== undefined) expect(node.mode.toString(8), path).toBe(wanted.mode)
  if (wanted.uid !== undefined) expect(node.uid, path).toBe(wanted.uid)
  if (wanted.gid !== undefined) expect(node.gid, path).toBe(wanted.gid)
  if (wanted.target !== undefined) expect(node.target, path).toBe(wanted.target)
}
