import type { Digest } from '../../core/digest.ts'
import type { OciContainerDefaults, OciHistory } from '../../core/oci.ts'
import type { StageNode } from './graph.ts'
import type { LayerStep, StepLayer } from './layer-step.ts'
import type { BuildSession, FileTree } from './session.ts'
import type { GlobalScope } from './variables.ts'
import { StageScope, type BuildVariables } from './variables.ts'

/** What stands behind a name: the files that a COPY or a mount takes from. */
export interface SourceFiles {
  readonly root: FileTree['root']
  readonly tree?: string
  /** A build context: its files belong to root in the image. */
  readonly isContext: boolean
}

/** A stage's result, or a base image as if it were one. */
export interface StageResult {
  readonly config: OciContainerDefaults
  readonly diffIds: readonly Digest[]
  /** Steps since the last base image have no `created` unless they made a layer. */
  readonly history: readonly OciHistory[]
  readonly author?: string
  /** Key of the last step that made a layer. */
  readonly key?: Digest
  readonly scope?: StageScope
}

export interface StageEnvironment {
  readonly session: BuildSession
  readonly global: GlobalScope
  readonly variables: BuildVariables
  readonly node: StageNode
  /** Whether a name of a stage is to be shown. */
  readonly isOnly: boolean
  readonly noCache: boolean
  readonly files: (from: string | undefined) => Promise<SourceFiles>
  /** Counts instructions for the classic stream. */
  readonly next: (text: string) => Promise<void>
}

const HISTORY = 'buildkit.dockerfile.v0'

/** What a stage has come to, instruction by instruction on top of its base. */
export class StageRun {
  readonly environment: StageEnvironment
  readonly scope: StageScope
  config: OciContainerDefaults
  author: string | undefined
  /** How many of its steps make a layer, and FROM. */
  steps = 1
  readonly #diffIds: Digest[]
  readonly #history: OciHistory[]
  #key: Digest | undefined
  #step = 1

  constructor(environment: StageEnvironment, base: StageResult) {
    this.environment = environment
    this.config = base.config
    this.author = base.author
    this.#diffIds = [...base.diffIds]
    this.#history = [...base.history]
    this.#key = base.key
    this.scope = new StageScope(
      environment.global,
      environment.variables,
      () => this.config.Env ?? [],
    )
    if (base.scope) this.scope.inherit(base.scope)
  }

  get diffIds(): readonly Digest[] {
    return this.#diffIds
  }

  tree(): Promise<FileTree> {
    return this.environment.session.tree(this.#diffIds)
  }

  result(): StageResult {
    return {
      config: this.config,
      diffIds: this.#diffIds,
      history: this.#history,
      scope: this.scope,
      ...(this.author === undefined ? {} : { author: this.author }),
      ...(this.#key ? { key: this.#key } : {}),
    }
  }

  /** An instruction that leaves the files as they are. */
  noLayer(created: string): void {
    this.#history.push({ created_by: created, comment: HISTORY, empty_layer: true })
  }

  /** An instruction that makes a layer. @param shown as the step is named */
  async layer(
    step: Pick<LayerStep, 'key' | 'place' | 'make' | 'borrow'>,
    shown: string,
    created: string,
  ): Promise<void> {
    const { session, noCache } = this.environment
    const layer: StepLayer = await session.layer({
      ...step,
      parent: this.#key,
      name: `[${this.#label()}${stepNumber(++this.#step, this.steps)}] ${shown}`,
      noCache,
      lineage: {
        diffIds: this.#diffIds,
        history: [...this.#history.map((line) => line.created_by ?? ''), created],
      },
    })
    this.#key = layer.key
    this.#diffIds.push(layer.diffId)
    this.#history.push({ created: layer.created, created_by: created, comment: HISTORY })
  }

  #label(): string {
    const { node, isOnly } = this.environment
    return isOnly && node.stage.from.name === undefined ? '' : `${node.name} `
  }
}

/** ` 2/11`: as wide as the last (BuildKit dockerfile2llb, prefixCommand). */
export const stepNumber = (step: number, of: number): string =>
  `${String(step).padStart(String(of).length)}/${of}`
