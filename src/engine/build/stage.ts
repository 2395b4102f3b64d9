import type { BuildInstruction } from '../../codec/dockerfile/instructions.ts'
import { parseInstruction } from '../../codec/dockerfile/parse-instruction.ts'
import { parseLine, type Instruction } from '../../codec/dockerfile/parser.ts'
import { heredocsOf } from '../../codec/dockerfile/heredoc.ts'
import type { Digest } from '../../core/digest.ts'
import type { OciContainerDefaults, OciHistory } from '../../core/oci.ts'
import { located } from './build-error.ts'
import { copyStep, workdirStep } from './copy-step.ts'
import { configBytes } from './export.ts'
import type { StageNode } from './graph.ts'
import { change } from './metadata.ts'
import { runStep } from './run-step.ts'
import type { BuildSession, FileTree, LayerStep, StepLayer } from './session.ts'
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

/** A stage at work: instruction by instruction on top of its base. */
export class StageRun {
  readonly environment: StageEnvironment
  readonly scope: StageScope
  config: OciContainerDefaults
  #author: string | undefined
  #hasCommand = false
  readonly #diffIds: Digest[]
  readonly #history: OciHistory[]
  #key: Digest | undefined
  #step = 1
  #steps = 1

  constructor(environment: StageEnvironment, base: StageResult) {
    this.environment = environment
    this.config = base.config
    this.#author = base.author
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

  async run(): Promise<StageResult> {
    const { node, session } = this.environment
    const { instructions } = node.stage
    const triggers = this.#triggers()
    const all = [...triggers, ...instructions]
    this.#steps += all.filter(makesLayer).length
    if (triggers.length > 0) {
      await session.report.note(
        `# Executing ${triggers.length} build trigger${triggers.length > 1 ? 's' : ''}\n`,
      )
    }
    for (const instruction of all) {
      session.signal.throwIfAborted()
      if (!triggers.includes(instruction)) await this.environment.next(instruction.original.trim())
      try {
        await this.#dispatch(instruction)
      } catch (error) {
        throw located(error, instruction)
      }
      await session.report.state(session.tools.keys.bytes(configBytes(this.result())))
    }
    return this.result()
  }

  result(): StageResult {
    return {
      config: this.config,
      diffIds: this.#diffIds,
      history: this.#history,
      scope: this.scope,
      ...(this.#author === undefined ? {} : { author: this.#author }),
      ...(this.#key ? { key: this.#key } : {}),
    }
  }

  /** What the base asks to be done in every image built on it. */
  #triggers(): BuildInstruction[] {
    const { OnBuild: texts, ...rest } = this.config
    this.config = rest
    const { from } = this.environment.node.stage
    return (texts ?? []).map((text) => {
      try {
        return parseTrigger(text, from, this.environment.variables.escape)
      } catch (error) {
        throw located(error, from)
      }
    })
  }

  async #dispatch(instruction: BuildInstruction): Promise<void> {
    switch (instruction.kind) {
      case 'FROM':
        return
      case 'ARG':
        this.#remember(`ARG ${this.scope.declare(instruction)}`)
        return
      case 'MAINTAINER':
        this.#author = instruction.value
        this.#remember(`MAINTAINER ${instruction.value}`)
        return
      case 'WORKDIR':
        await workdirStep(this, instruction)
        return
      case 'COPY':
      case 'ADD':
        await copyStep(this, instruction)
        return
      case 'RUN':
        await runStep(this, instruction)
        return
      default: {
        const { config, created } = change(instruction, this.config, this.scope, this.#hasCommand)
        this.config = config
        if (instruction.kind === 'CMD') this.#hasCommand = true
        if (created !== undefined) this.#remember(created)
      }
    }
  }

  #remember(created: string): void {
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
      name: `[${this.#label()}${stepNumber(++this.#step, this.#steps)}] ${shown}`,
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

  /** An instruction that leaves the files as they are. */
  noLayer(created: string): void {
    this.#remember(created)
  }

  #label(): string {
    const { node, isOnly } = this.environment
    return isOnly && node.stage.from.name === undefined ? '' : `${node.name} `
  }
}

/** ` 2/11`: as wide as the last (BuildKit dockerfile2llb, prefixCommand). */
export const stepNumber = (step: number, of: number): string =>
  `${String(step).padStart(String(of).length)}/${of}`

/** WORKDIR / has nothing to make, and doesn't count; the same as BuildKit sees it before it knows variables. */
const makesLayer = (instruction: BuildInstruction): boolean =>
  instruction.kind === 'RUN' ||
  instruction.kind === 'COPY' ||
  instruction.kind === 'ADD' ||
  instruction.kind === 'WORKDIR'

function parseTrigger(
  text: string,
  place: { readonly startLine: number; readonly endLine: number },
  escape: string,
): BuildInstruction {
  const [line = '', ...rest] = text.split('\n')
  const parsed = parseLine(line, escape, { ...place, comments: [] })
  const lines = [...rest]
  const heredocs =
    lines.length === 0
      ? []
      : heredocsOf(line).map((heredoc) => {
          const end = lines.findIndex(
            (candidate) =>
              (heredoc.chomp ? candidate.replace(/^\t+/, '') : candidate) === heredoc.name,
          )
          const content = lines
            .splice(0, end < 0 ? lines.length : end)
            .map((part) => `${part}\n`)
            .join('')
          lines.shift()
          return { ...heredoc, content }
        })
  const instruction: Instruction = { ...parsed, heredocs }
  return parseInstruction(instruction)
}
