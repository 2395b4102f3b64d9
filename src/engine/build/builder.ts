import { IgnorePatterns, readIgnoreFile } from '../../codec/dockerfile/ignore.ts'
import { parseDockerfile } from '../../codec/dockerfile/parser.ts'
import { stagesOf } from '../../codec/dockerfile/stages.ts'
import { SyntaxError } from '../../codec/dockerfile/syntax-error.ts'
import type { ContextListing, ContextOffer } from '../../core/context-listing.ts'
import { EngineError } from '../../core/error.ts'
import { familiar, parseReference, withDefaultTag, type Reference } from '../../core/reference.ts'
import type { RootfsNode } from '../../core/layer.ts'
import type { Context } from '../context.ts'
import type { Images } from '../images/images.ts'
import { checkPlatform } from '../images/platform.ts'
import type { Networks } from '../networks/networks.ts'
import { KeyedMutex } from '../mutex.ts'
import { isArchive, readArchive } from './archive-tree.ts'
import { BuildError } from './build-error.ts'
import { CacheKeys } from './cache-key.ts'
import type { BuildCache } from './cache.ts'
import type { CacheMounts } from './cache-mounts.ts'
import { recordsToPrune, type CachePrune, type CacheUsage } from './cache-usage.ts'
import { readContext } from './context-input.ts'
import { ContextStore } from './context-store.ts'
import { imageConfig } from './export.ts'
import { stageGraph } from './graph.ts'
import { readNode } from './node-content.ts'
import { ClassicReport, TraceReport, type Report } from './report.ts'
import type { BuildMessage, BuildRequest } from './request.ts'
import { BuildSession } from './session.ts'
import { StagePlan } from './stage-plan.ts'
import type { BuildTools } from './tools.ts'
import { findNode, resolveInRoot } from './tree-path.ts'
import { GlobalScope } from './variables.ts'

/** Bytes of a Dockerfile. */
const DOCKERFILE_MAX = 16 * 1024 * 1024

/** Builds images from Dockerfiles. Only RUN enters Linux. */
export class Builder implements AsyncDisposable {
  readonly #context: Context
  readonly #images: Images
  readonly #networks: Networks
  readonly #cache: BuildCache
  readonly #mounts: CacheMounts
  readonly #making = new KeyedMutex()
  readonly #leftovers = new Set<Promise<void>>()
  readonly #contexts = new ContextStore()
  readonly #closing = new AbortController()
  #keys: Promise<CacheKeys> | undefined

  constructor(
    context: Context,
    images: Images,
    networks: Networks,
    cache: { readonly layers: BuildCache; readonly mounts: CacheMounts },
  ) {
    this.#context = context
    this.#images = images
    this.#networks = networks
    this.#cache = cache.layers
    this.#mounts = cache.mounts
  }

  /**
   * Resolves when the context has been read and the Dockerfile understood; what fails later is told in the stream. Nothing
   * is named unless all of it succeeds.
   * @throws EngineError in Docker's words
   */
  async build(request: BuildRequest): Promise<ReadableStream<BuildMessage>> {
    const names = request.tags.map(tagOf)
    checkPlatform(request.platform)
    const left = new AbortController()
    const signal = AbortSignal.any([request.signal, this.#closing.signal, left.signal])
    const input = await readContext(request.archive, this.#context.blobs, signal)
    try {
      const parts = inputsOf(input.root, request.bundle)
      const { secrets } = parts
      const contexts = await unpackedContexts(parts.contexts)
      const context =
        request.listing === ''
          ? parts.context
          : this.#contexts.complete(request.listing, parts.context, { keep: input.inMemory })
      const file = await readDockerfile(context, input.root, request)
      const patterns = input.root.children?.get(request.bundle ? 'dockerignore' : '.dockerignore')
      const visible = await withoutIgnored(context, request.dockerfile, patterns)
      const report: Report = request.trace
        ? new TraceReport(this.#context.clock)
        : new ClassicReport(request.quiet)
      const full = {
        ...request,
        secrets: new Map([...request.secrets, ...(await readSecrets(secrets))]),
      }
      const run = async (): Promise<void> => {
        try {
          const image = await this.#run(full, report, {
            context: visible,
            contexts,
            file,
            names,
            signal,
          })
          await report.built(image, names.map(familiar))
          await report.close()
        } catch (error) {
          await report.fail(error, file)
        } finally {
          await input[Symbol.asyncDispose]()
        }
      }
      // Its failure is told in the stream.
      void run()
      return leaving(report.stream, left)
    } catch (error) {
      await input[Symbol.asyncDispose]()
      throw error instanceof SyntaxError
        ? new BuildError('invalid-parameter', messageOf(error), { place: error, cause: error })
        : error
    }
  }

  async #run(
    request: BuildRequest,
    report: Report,
    options: {
      readonly context: RootfsNode
      readonly contexts: ReadonlyMap<string, RootfsNode>
      readonly file: DockerfileText
      readonly names: readonly Reference[]
      readonly signal: AbortSignal
    },
  ): Promise<`sha256:${string}` & { readonly __brand: 'Digest' }> {
    const { file, contexts } = options
    const tools: BuildTools = {
      context: this.#context,
      images: this.#images,
      networks: this.#networks,
      cache: this.#cache,
      caches: this.#mounts,
      keys: await (this.#keys ??= CacheKeys.create()),
      making: this.#making,
      leftovers: this.#leftovers,
    }
    const epoch = epochOf(request.buildArgs)
    const failing = new AbortController()
    await using session = new BuildSession(tools, request, report, {
      signal: AbortSignal.any([options.signal, failing.signal]),
      epoch,
    })
    const { dockerfile, stages } = file
    const variables = { escape: dockerfile.escape, buildArgs: request.buildArgs }
    const global = new GlobalScope(stages.args, variables, request.target)
    const names = new Set([...contexts.keys(), ...Object.keys(request.contexts)])
    const graph = stageGraph(stages, global, request.target, names)
    const plan = new StagePlan(session, graph, {
      global,
      variables,
      context: options.context,
      contexts,
      failing,
    })
    const result = await plan.run()
    const vertex = await report.vertex('exporting to image')
    try {
      session.signal.throwIfAborted()
      const config = imageConfig(result, {
        labels: request.labels,
        ...(epoch === undefined ? {} : { epoch: session.created }),
      })
      await vertex.status('exporting layers', true)
      const pin = this.#images.layers.pin(result.diffIds)
      try {
        const image = await this.#images.create(config, options.names, pin)
        await vertex.status(`writing image ${image.id}`, true)
        for (const name of options.names) await vertex.status(`naming to ${fullName(name)}`, true)
        await vertex.done({ cached: false })
        return image.id
      } finally {
        await pin.release()
      }
    } catch (error) {
      await vertex.failed(error, session.signal.aborted)
      throw error
    }
  }

  /** What of a context is to be sent: for clients that list it first. */
  offer(listing: ContextListing): ContextOffer {
    return this.#contexts.offer(listing)
  }

  /** What the cache holds, as `system df` shows it. */
  async usage(): Promise<CacheUsage[]> {
    const layers = this.#cache.usage((diffId) => this.#images.layers.isInImage(diffId))
    return [...layers, ...(await this.#mounts.usage())]
  }

  async prune(
    options: CachePrune,
  ): Promise<{ CachesDeleted: string[] | null; SpaceReclaimed: number }> {
    const gone = recordsToPrune(await this.usage(), options, this.#context.clock.now())
    const ids = gone.map(({ ID }) => ID)
    const unused = await this.#cache.forget(ids)
    await this.#mounts.forget(ids)
    const mounts = gone.filter(({ Type }) => Type === 'exec.cachemount')
    const bytes = mounts.reduce((sum, { Size }) => sum + Size, 0)
    return {
      CachesDeleted: ids.length > 0 ? ids : null,
      SpaceReclaimed: bytes + (await this.#images.layers.release(unused)),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new EngineError('unavailable', 'the engine is stopping'))
    await Promise.all(this.#leftovers)
  }
}

const fullName = (reference: Reference): string =>
  `${reference.domain}/${reference.path}:${reference.tag ?? 'latest'}`

function tagOf(text: string): Reference {
  const reference = withDefaultTag(parseReference(text))
  if (reference.digest) {
    throw new EngineError('invalid-parameter', 'refusing to create a tag with a digest reference')
  }
  return reference
}

interface DockerfileText {
  readonly name: string
  readonly source: string
  readonly dockerfile: ReturnType<typeof parseDockerfile>
  readonly stages: ReturnType<typeof stagesOf>
}

/** A bundle holds the context, other contexts by name, and secrets by id. */
function inputsOf(
  root: RootfsNode,
  bundle: boolean,
): {
  readonly context: RootfsNode
  readonly contexts: ReadonlyMap<string, RootfsNode>
  readonly secrets: ReadonlyMap<string, RootfsNode>
} {
  if (!bundle) return { context: root, contexts: new Map(), secrets: new Map() }
  const named = (name: string): ReadonlyMap<string, RootfsNode> =>
    new Map(root.children?.get(name)?.children)
  return {
    context: root.children?.get('context') ?? { ...root, children: new Map() },
    contexts: named('contexts'),
    secrets: named('secrets'),
  }
}

/** A named context that is a file is an archive. */
async function unpackedContexts(
  sent: ReadonlyMap<string, RootfsNode>,
): Promise<ReadonlyMap<string, RootfsNode>> {
  const contexts = new Map<string, RootfsNode>()
  for (const [name, node] of sent) {
    if (node.kind === 'file' && !(await isArchive(node))) {
      throw new EngineError('invalid-parameter', `the context ${name} is no tar archive`)
    }
    contexts.set(name, node.kind === 'file' ? (await readArchive(node)).root : node)
  }
  return contexts
}

/**
 * Dockerfile and .dockerignore come with the context even where the patterns leave them out: then COPY doesn't see them
 * (moby builder/remotecontext/detect.go, removeDockerfile).
 */
async function withoutIgnored(
  context: RootfsNode,
  dockerfile: string,
  instead: RootfsNode | undefined,
): Promise<RootfsNode> {
  const file = instead ?? context.children?.get('.dockerignore')
  if (file?.kind !== 'file' || file.size > DOCKERFILE_MAX) return context
  const lines = readIgnoreFile(new TextDecoder().decode(await readNode(file)))
  const patterns = new IgnorePatterns(lines)
  const path = resolveInRoot(context, dockerfile)
  return ['.dockerignore', path]
    .filter((name) => patterns.ignores(name))
    .reduce((root, name) => without(root, name.split('/'), '', patterns), context)
}

/** The tree without a file, and without directories that were there for it alone. */
function without(
  node: RootfsNode,
  [name = '', ...rest]: readonly string[],
  above: string,
  patterns: IgnorePatterns,
): RootfsNode {
  const child = node.children?.get(name)
  if (!child) return node
  const path = above === '' ? name : `${above}/${name}`
  const left = rest.length === 0 ? undefined : without(child, rest, path, patterns)
  const children = new Map(node.children)
  if (!left || (left.children?.size === 0 && patterns.ignores(path))) children.delete(name)
  else children.set(name, left)
  return { ...node, children }
}

async function readSecrets(
  nodes: ReadonlyMap<string, RootfsNode>,
): Promise<Map<string, Uint8Array>> {
  const secrets = new Map<string, Uint8Array>()
  for (const [name, node] of nodes) secrets.set(name, await readNode(node))
  return secrets
}

async function readDockerfile(
  context: RootfsNode,
  root: RootfsNode,
  { dockerfile: path, bundle, trace }: BuildRequest,
): Promise<DockerfileText> {
  const sent = bundle ? root.children?.get('Dockerfile') : undefined
  const node = sent ?? findNode(context, resolveInRoot(context, path || 'Dockerfile'))
  if (node?.kind !== 'file') {
    throw new EngineError(
      'internal',
      trace
        ? `failed to read dockerfile: open ${path}: no such file or directory`
        : `Cannot locate specified Dockerfile: ${path || 'Dockerfile'}`,
    )
  }
  if (node.size === 0) {
    throw new EngineError('internal', `the Dockerfile (${path || 'Dockerfile'}) cannot be empty`)
  }
  if (node.size > DOCKERFILE_MAX) {
    throw new EngineError('invalid-parameter', 'the Dockerfile is too large')
  }
  const source = new TextDecoder().decode(await readNode(node))
  const name = path.split('/').at(-1) ?? 'Dockerfile'
  const dockerfile = parseDockerfile(source)
  return { name, source, dockerfile, stages: stagesOf(dockerfile) }
}

/** Seconds since 1970. */
function epochOf({
  SOURCE_DATE_EPOCH: text,
}: Readonly<Record<string, string>>): number | undefined {
  if (text === undefined || text === '') return undefined
  if (!/^\d+$/.test(text)) {
    throw new EngineError('invalid-parameter', `invalid SOURCE_DATE_EPOCH: ${text}`)
  }
  return Number(text)
}

/** A client that stops reading ends the build. */
function leaving(
  stream: ReadableStream<BuildMessage>,
  left: AbortController,
): ReadableStream<BuildMessage> {
  const reader = stream.getReader()
  return new ReadableStream<BuildMessage>(
    {
      pull: async (controller) => {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: async (reason) => {
        left.abort(reason instanceof Error ? reason : new Error('the client has gone'))
        await reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)
