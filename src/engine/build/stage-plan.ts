import { mergeLayers } from '../../codec/layer-merge.ts'
import type { RootfsNode } from '../../core/layer.ts'
import { EngineError } from '../../core/error.ts'
import { canonical, parseReference, withDefaultTag } from '../../core/reference.ts'
import type { ImageRecord } from '../images/images.ts'
import { checkPlatform } from '../images/platform.ts'
import { located, type Place } from './build-error.ts'
import { planCopy } from './copy-plan.ts'
import { withoutLaterTimes, writeLayer } from './layer-tar.ts'
import type { Source, StageGraph, StageNode } from './graph.ts'
import type { BuildSession } from './session.ts'
import { runStage } from './run-stage.ts'
import { stepNumber, StageRun, type SourceFiles, type StageResult } from './stage.ts'
import type { BuildVariables, GlobalScope } from './variables.ts'

export interface PlanOptions {
  readonly global: GlobalScope
  readonly variables: BuildVariables
  readonly context: RootfsNode
  readonly contexts: ReadonlyMap<string, RootfsNode>
  /** Aborted when a stage fails, so that the others stop. */
  readonly failing: AbortController
}

/** BuildKit's environment of an image from nothing. */
const scratch: StageResult = {
  config: {
    Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    WorkingDir: '/',
  },
  diffIds: [],
  history: [],
}

/** Runs the stages that a build needs: each once, side by side where nothing holds them; one by one in the classic stream. */
export class StagePlan {
  readonly #session: BuildSession
  readonly #graph: StageGraph
  readonly #options: PlanOptions
  readonly #results = new Map<number, Promise<StageResult>>()
  readonly #images = new Map<string, Promise<ImageRecord>>()
  #step = 0
  readonly #total: number

  constructor(session: BuildSession, graph: StageGraph, options: PlanOptions) {
    this.#session = session
    this.#graph = graph
    this.#options = options
    this.#total = graph.needed.reduce(
      (sum, index) => sum + 1 + (graph.nodes[index]?.stage.instructions.length ?? 0),
      0,
    )
  }

  /** @throws the first failure, after all stages have stopped */
  async run(): Promise<StageResult> {
    await this.#cacheImages()
    const { needed, target } = this.#graph
    if (!this.#session.request.trace) {
      for (const index of needed) await this.#stage(index)
    } else {
      const all = needed.map((index) => this.#stage(index))
      let failure: { readonly error: unknown } | undefined
      for (const stage of all) {
        await stage.catch((error: unknown) => {
          failure ??= { error }
          this.#options.failing.abort(error)
        })
      }
      if (failure) throw failure.error
    }
    return this.#stage(target.index)
  }

  /** Those of `--cache-from` that can be had: one that can't is no reason to fail. */
  async #cacheImages(): Promise<void> {
    const session = this.#session
    const place = this.#graph.target.stage.from
    for (const name of session.request.cacheFrom) {
      const image = await this.#image(name, place).catch(() => undefined)
      session.signal.throwIfAborted()
      if (image) session.cacheImages.push(image.config)
    }
  }

  #stage(index: number): Promise<StageResult> {
    let result = this.#results.get(index)
    if (!result) {
      const node = this.#graph.nodes[index]
      result = node
        ? this.#runStage(node)
        : Promise.reject(new EngineError('internal', `there is no stage ${index}`))
      result.catch((error: unknown) => this.#options.failing.abort(error))
      this.#results.set(index, result)
    }
    return result
  }

  async #runStage(node: StageNode): Promise<StageResult> {
    const { global, variables } = this.#options
    const session = this.#session
    const { from } = node.stage
    const { noCache, noCacheFilter } = session.request
    const next = (text: string): Promise<void> =>
      session.report.step(++this.#step, this.#total, text)
    try {
      checkPlatform(node.platform)
      // A base that is a stage comes first: the classic stream tells one after the other.
      const ready = node.base.kind === 'stage' ? await this.#stage(node.base.index) : undefined
      await next(from.original.trim())
      const base = ready ?? (await this.#base(node))
      const run = new StageRun(
        {
          session,
          global,
          variables,
          node,
          isOnly: this.#graph.nodes.length === 1,
          noCache: noCache || noCacheFilter.includes(node.name),
          files: (name) => this.#files(node, name),
          next,
        },
        base,
      )
      await session.report.state(await this.#idOf(node, base))
      return await runStage(run)
    } catch (error) {
      throw located(error, from)
    }
  }

  async #idOf(node: StageNode, base: StageResult): Promise<ImageRecord['id']> {
    if (node.base.kind === 'image') {
      return (await this.#image(node.base.name, node.stage.from)).id
    }
    return this.#session.tools.keys.of('state', base.diffIds)
  }

  async #base(node: StageNode): Promise<StageResult> {
    const { base } = node
    const { session } = { session: this.#session }
    const label = labelOf(node, this.#graph.nodes.length === 1)
    switch (base.kind) {
      case 'stage':
        return this.#stage(base.index)
      case 'scratch':
        return scratch
      case 'context': {
        const root = this.#options.contexts.get(base.name)
        if (root) return this.#contextBase(base.name, root, node)
        const reference = session.request.contexts[base.name]
        const image = await this.#contextImage(base.name, reference, node.stage.from)
        return resultOf(image)
      }
      case 'image': {
        const image = await this.#image(base.name, node.stage.from)
        const vertex = await session.report.vertex(
          `${label} FROM ${canonical(withDefaultTag(parseReference(base.name)))}`,
          node.stage.from,
        )
        await vertex.done({
          cached:
            session.tools.images.layers.get(image.config.rootfs.diff_ids[0] ?? image.id) ===
            undefined,
        })
        return resultOf(image)
      }
    }
  }

  /** The files of a named context as if they were an image's. */
  async #contextBase(name: string, root: RootfsNode, node: StageNode): Promise<StageResult> {
    const { tools, now, epoch } = this.#session
    const { diffId } = await this.#session.layer({
      key: tools.keys.of('context', await tools.keys.tree(root)),
      parent: undefined,
      name: `[context ${name}] load from client`,
      place: node.stage.from,
      noCache: false,
      lineage: { diffIds: [], history: [] },
      borrow: 'never',
      make: () =>
        Promise.resolve(
          writeLayer(
            withoutLaterTimes(
              planCopy({
                sources: [{ path: '', node: root, kept: '' }],
                inline: [],
                destination: '/',
                target: mergeLayers([]),
                owner: { uid: 0, gid: 0 },
                mode: undefined,
                parents: false,
                excludes: () => false,
                now,
              }),
              epoch,
            ),
          ),
        ),
    })
    return { ...scratch, diffIds: [diffId] }
  }

  #contextImage(name: string, reference: string | undefined, place: Place): Promise<ImageRecord> {
    if (!reference?.startsWith('docker-image://')) {
      throw new EngineError(
        'invalid-parameter',
        `the context ${name} came neither with the build nor as docker-image://…`,
      )
    }
    return this.#image(reference.slice('docker-image://'.length), place)
  }

  /** An image by name, fetched when it isn't there; its layers stay until the build is over. */
  #image(name: string, place: Place): Promise<ImageRecord> {
    let image = this.#images.get(name)
    if (!image) {
      image = this.#resolve(name, place)
      this.#images.set(name, image)
    }
    return image
  }

  async #resolve(name: string, place: Place): Promise<ImageRecord> {
    const { images } = this.#session.tools
    const { request, report, signal } = this.#session
    const isId = /^(sha256:)?[0-9a-f]{64}$/.test(name)
    const shown = isId ? name : canonical(withDefaultTag(parseReference(name)))
    const vertex = await report.vertex(`[internal] load metadata for ${shown}`, place)
    try {
      const known = await images.get(name).catch((error: unknown) => {
        if (error instanceof EngineError && error.code === 'not-found') return undefined
        throw error
      })
      if (!known || (request.pull && !isId)) {
        const progress = await images.pull({ reference: name, platform: request.platform, signal })
        for await (const message of progress) {
          if (message.error !== undefined) throw new EngineError('not-found', message.error)
          const { id = '', status = '', progressDetail } = message
          if (id !== '' && progressDetail !== undefined) {
            const isDone = status === 'Pull complete' || status === 'Already exists'
            await vertex.status(
              `${status} ${id}`,
              isDone,
              progressDetail.current,
              progressDetail.total,
            )
          }
        }
      }
      const image = await images.get(name)
      this.#session.pin(image.config.rootfs.diff_ids)
      await vertex.done({ cached: false })
      return image
    } catch (error) {
      await vertex.failed(error, signal.aborted)
      if (request.trace && error instanceof EngineError) {
        throw new EngineError(
          error.code,
          `${name}: failed to resolve source metadata for ${shown}: ${error.message}`,
          { cause: error },
        )
      }
      throw error
    }
  }

  async #files(node: StageNode, name: string | undefined): Promise<SourceFiles> {
    if (name === undefined) return { root: this.#options.context, isContext: true }
    const source: Source = node.sources.get(name) ?? { kind: 'image', name }
    switch (source.kind) {
      case 'stage': {
        const { diffIds } = await this.#stage(source.index)
        return { ...(await this.#session.tree(diffIds)), isContext: false }
      }
      case 'scratch':
        return { ...(await this.#session.tree([])), isContext: false }
      case 'context': {
        const root = this.#options.contexts.get(source.name)
        if (root) return { root, isContext: true }
        const reference = this.#session.request.contexts[source.name]
        const image = await this.#contextImage(source.name, reference, node.stage.from)
        return { ...(await this.#session.tree(image.config.rootfs.diff_ids)), isContext: false }
      }
      case 'image': {
        const image = await this.#image(source.name, node.stage.from)
        return { ...(await this.#session.tree(image.config.rootfs.diff_ids)), isContext: false }
      }
    }
  }
}

function labelOf(node: StageNode, isOnly: boolean): string {
  const steps = node.stage.instructions.filter(({ kind }) =>
    ['RUN', 'COPY', 'ADD', 'WORKDIR'].includes(kind),
  ).length
  const name = isOnly && node.stage.from.name === undefined ? '' : `${node.name} `
  return `[${name}${stepNumber(1, 1 + steps)}]`
}

const resultOf = ({ config }: ImageRecord): StageResult => ({
  config: config.config ?? {},
  diffIds: config.rootfs.diff_ids,
  history: config.history ?? [],
  ...(config.author === undefined ? {} : { author: config.author }),
})
