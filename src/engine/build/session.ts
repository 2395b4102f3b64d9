import type { Digest } from '../../core/digest.ts'
import type { OciImageConfig } from '../../core/oci.ts'
import type { RootfsNode } from '../../core/layer.ts'
import type { LayerPin } from '../images/layer-store.ts'
import { borrowedLayer } from './cache-from.ts'
import type { LayerStep, StepLayer } from './layer-step.ts'
import type { Report, VertexReport } from './report.ts'
import type { BuildRequest } from './request.ts'
import type { BuildTools } from './tools.ts'

/** Files of a stage. */
export interface FileTree {
  readonly root: RootfsNode
  /** Name under which the machine may have it already. */
  readonly tree?: string
}

/** One build. Disposing it gives up what it holds of the stores: finished steps stay in the cache. */
export class BuildSession implements AsyncDisposable {
  readonly tools: BuildTools
  readonly request: BuildRequest
  readonly report: Report
  /** Aborted when the client leaves, or when a stage fails. */
  readonly signal: AbortSignal
  /** Seconds since 1970: SOURCE_DATE_EPOCH. */
  readonly epoch: number | undefined
  /** Images whose layers may be taken. */
  readonly cacheImages: OciImageConfig[] = []
  readonly #pins: LayerPin[] = []
  readonly #later: Promise<void>[] = []
  readonly #trees = new Map<string, Promise<FileTree>>()

  constructor(
    tools: BuildTools,
    request: BuildRequest,
    report: Report,
    options: { readonly signal: AbortSignal; readonly epoch: number | undefined },
  ) {
    this.tools = tools
    this.request = request
    this.report = report
    this.signal = options.signal
    this.epoch = options.epoch
  }

  /** Of what the build makes: seconds since 1970. */
  get now(): number {
    return this.epoch ?? Math.floor(this.tools.context.clock.now() / 1000)
  }

  /** RFC 3339 */
  get created(): string {
    const milliseconds =
      this.epoch === undefined ? this.tools.context.clock.now() : this.epoch * 1000
    return new Date(milliseconds).toISOString().replace('.000Z', 'Z')
  }

  /** Hold layers until the build is over. */
  pin(diffIds: readonly Digest[]): void {
    this.#pins.push(this.tools.images.layers.pin(diffIds))
  }

  /** What must be done when the build is over, but holds no step up. */
  later(work: Promise<void>): void {
    this.#later.push(work)
  }

  /** What need not be done when the build is over: clearing away. It must not reject. */
  leave(work: Promise<void>): void {
    const { leftovers } = this.tools
    leftovers.add(work)
    void work.finally(() => leftovers.delete(work))
  }

  /** The tree of layers that this build holds. */
  tree(diffIds: readonly Digest[]): Promise<FileTree> {
    const key = diffIds.join()
    let tree = this.#trees.get(key)
    if (!tree) {
      tree = this.tools.images.layers.treeOf(diffIds)
      this.#trees.set(key, tree)
    }
    return tree
  }

  /** A step's layer, from the cache or made now. */
  async layer(step: LayerStep): Promise<StepLayer> {
    const { cache, making } = this.tools
    using _ = await making.lock(step.key, this.signal)
    const vertex = await this.report.vertex(step.name, step.place)
    try {
      const found = step.noCache ? undefined : cache.find(step.key)
      if (found && this.tools.images.layers.get(found.diffId)) {
        this.pin([found.diffId])
        await vertex.done({ cached: true })
        return { diffId: found.diffId, created: found.created, key: step.key }
      }
      const borrowed = step.noCache
        ? undefined
        : await borrowedLayer(this.tools, this.cacheImages, step)
      if (borrowed) {
        const layer = this.#keep(step, borrowed.diffId, borrowed.created)
        await vertex.done({ cached: true })
        return layer
      }
      return await this.#make(step, vertex)
    } catch (error) {
      await vertex.failed(error, this.signal.aborted)
      throw error
    }
  }

  async #make(step: LayerStep, vertex: VertexReport): Promise<StepLayer> {
    const { images } = this.tools
    const tar = await step.make(vertex)
    const { layer, pin } = await images.layers.add(
      { own: true, open: () => Promise.resolve(tar) },
      this.signal,
    )
    this.#pins.push(pin)
    const made = this.#keep(step, layer.diffId, this.created)
    await vertex.done({ cached: false })
    return made
  }

  /** From now on the cache knows the step's layer. */
  #keep(step: LayerStep, diffId: Digest, created: string): StepLayer {
    const { images, cache } = this.tools
    const pin = images.layers.pin([diffId])
    this.#pins.push(pin)
    // The next step need not wait until it is durable.
    const stored = cache.put(
      {
        key: step.key,
        diffId,
        size: images.layers.size([diffId]),
        created,
        description: step.name.replace(/^\[[^\]]*\] /, ''),
        ...(step.parent ? { parent: step.parent } : {}),
      },
      pin,
    )
    this.later(stored)
    return { diffId, created, key: step.key }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#later)
    this.leave(this.tools.cache.flush())
    for (const pin of this.#pins.splice(0)) await pin.release()
    this.#trees.clear()
  }
}
