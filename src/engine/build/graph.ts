/** Which stages a build needs, and what they need of each other (BuildKit dockerfile2llb/convert.go). */
import type { CopyInstruction, RunInstruction, Stage } from '../../codec/dockerfile/instructions.ts'
import type { Stages } from '../../codec/dockerfile/stages.ts'
import { EngineError } from '../../core/error.ts'
import { BuildError } from './build-error.ts'
import { fromOf } from './mount-options.ts'
import type { GlobalScope } from './variables.ts'

/** What a FROM, a `--from` or a mount stands for. */
export type Source =
  | { readonly kind: 'stage'; readonly index: number }
  | { readonly kind: 'scratch' }
  | { readonly kind: 'context'; readonly name: string }
  | { readonly kind: 'image'; readonly name: string }

export interface StageNode {
  readonly index: number
  readonly stage: Stage
  /** `build`, or `stage-2` for one without a name. */
  readonly name: string
  readonly base: Source
  readonly platform: string
  /** What its instructions take files from, by the text of `--from`. */
  readonly sources: ReadonlyMap<string, Source>
}

export interface StageGraph {
  readonly nodes: readonly StageNode[]
  readonly target: StageNode
  /** Indexes of the stages that the target needs, itself too, in the file's order. */
  readonly needed: readonly number[]
}

/**
 * @param contexts names that stand for another context or image
 * @throws BuildError for a stage that isn't there or needs itself
 */
export function stageGraph(
  { stages }: Stages,
  scope: GlobalScope,
  target: string,
  contexts: ReadonlySet<string>,
): StageGraph {
  const nodes: StageNode[] = []
  for (const [index, stage] of stages.entries()) {
    const { from } = stage
    const text = scope.expand(from.base)
    if (text === '') {
      throw new BuildError('invalid-parameter', `base name (${from.base}) should not be blank`, {
        place: from,
      })
    }
    const platform = from.platform === undefined ? '' : scope.expand(from.platform)
    nodes.push({
      index,
      stage,
      name: from.name ?? `stage-${index}`,
      platform,
      base: baseOf(text, stages.slice(0, index), contexts),
      sources: sourcesOf(stage, stages, contexts),
    })
  }
  const chosen = findTarget(nodes, target)
  checkOrder(nodes)
  return { nodes, target: chosen, needed: neededBy(chosen, nodes) }
}

function baseOf(name: string, before: readonly Stage[], contexts: ReadonlySet<string>): Source {
  if (contexts.has(name)) return { kind: 'context', name }
  // The last stage of a name is meant.
  const index = before.findLastIndex(({ from }) => from.name === name.toLowerCase())
  if (index >= 0) return { kind: 'stage', index }
  return name === 'scratch' ? { kind: 'scratch' } : { kind: 'image', name }
}

function sourcesOf(
  stage: Stage,
  stages: readonly Stage[],
  contexts: ReadonlySet<string>,
): ReadonlyMap<string, Source> {
  const sources = new Map<string, Source>()
  for (const instruction of stage.instructions) {
    for (const name of fromsOf(instruction)) {
      if (/\$/.test(name)) {
        throw new BuildError(
          'invalid-parameter',
          `variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround`,
          { place: instruction },
        )
      }
      sources.set(name, sourceOf(name, stages, contexts))
    }
  }
  return sources
}

function fromsOf(instruction: Stage['instructions'][number]): readonly string[] {
  if (instruction.kind === 'COPY' || instruction.kind === 'ADD') {
    const { from } = instruction satisfies CopyInstruction
    return from === undefined ? [] : [from]
  }
  if (instruction.kind !== 'RUN') return []
  return (instruction satisfies RunInstruction).mounts.flatMap((mount) => {
    const from = fromOf(mount)
    return from === undefined ? [] : [from]
  })
}

function sourceOf(name: string, stages: readonly Stage[], contexts: ReadonlySet<string>): Source {
  if (contexts.has(name)) return { kind: 'context', name }
  if (/^\d+$/.test(name)) {
    const index = Number(name)
    if (index >= stages.length) {
      throw new EngineError('invalid-parameter', `invalid stage index ${name}`)
    }
    return { kind: 'stage', index }
  }
  const index = stages.findLastIndex(({ from }) => from.name === name.toLowerCase())
  if (index >= 0) return { kind: 'stage', index }
  return name === 'scratch' ? { kind: 'scratch' } : { kind: 'image', name }
}

function findTarget(nodes: readonly StageNode[], target: string): StageNode {
  const last = nodes.at(-1)
  const found =
    target === ''
      ? last
      : (nodes.findLast(({ stage }) => stage.from.name === target.toLowerCase()) ??
        (/^\d+$/.test(target) ? nodes[Number(target)] : undefined))
  if (found) return found
  throw new EngineError(
    'invalid-parameter',
    `target stage ${JSON.stringify(target)} could not be found`,
  )
}

/**
 * A stage takes files from stages before it only.
 * @throws BuildError
 */
function checkOrder(nodes: readonly StageNode[]): void {
  const below = (node: StageNode, seen: Set<number>): Set<number> => {
    for (const source of node.sources.values()) {
      const next = source.kind === 'stage' ? nodes[source.index] : undefined
      if (!next || seen.has(next.index)) continue
      seen.add(next.index)
      below(next, seen)
    }
    return seen
  }
  for (const node of nodes) {
    if (below(node, new Set()).has(node.index)) throw circular(node)
  }
  for (const node of nodes) {
    for (const [name, source] of node.sources) {
      if (source.kind !== 'stage' || source.index < node.index) continue
      throw new BuildError(
        'invalid-parameter',
        `cannot copy from stage ${JSON.stringify(name)}, it needs to be defined before current stage ${JSON.stringify(node.name)}`,
        { place: node.stage.from },
      )
    }
  }
}

const circular = (node: StageNode): BuildError =>
  new BuildError('invalid-parameter', `circular dependency detected on stage: ${node.name}`, {
    place: node.stage.from,
  })

function neededBy(target: StageNode, nodes: readonly StageNode[]): number[] {
  const done = new Set<number>()
  const visiting = new Set<number>()
  const visit = (node: StageNode): void => {
    if (done.has(node.index)) return
    if (visiting.has(node.index)) throw circular(node)
    visiting.add(node.index)
    for (const source of [node.base, ...node.sources.values()]) {
      const next = source.kind === 'stage' ? nodes[source.index] : undefined
      if (next) visit(next)
    }
    visiting.delete(node.index)
    done.add(node.index)
  }
  visit(target)
  return [...done].sort((left, right) => left - right)
}
