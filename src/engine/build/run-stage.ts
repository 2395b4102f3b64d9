import { heredocsOf } from '../../codec/dockerfile/heredoc.ts'
import type { BuildInstruction } from '../../codec/dockerfile/instructions.ts'
import { parseInstruction } from '../../codec/dockerfile/parse-instruction.ts'
import { parseLine, type Instruction } from '../../codec/dockerfile/parser.ts'
import { located } from './build-error.ts'
import { copyStep, workdirStep } from './copy-step.ts'
import { configBytes } from './export.ts'
import { change } from './metadata.ts'
import { runStep } from './run-step.ts'
import type { StageResult, StageRun } from './stage.ts'

/** Does a stage's instructions one after the other, those first that its base asks for. */
export async function runStage(stage: StageRun): Promise<StageResult> {
  const { node, session, next } = stage.environment
  const triggers = takeTriggers(stage)
  const all = [...triggers, ...node.stage.instructions]
  stage.steps += all.filter(makesLayer).length
  if (triggers.length > 0) {
    await session.report.note(
      `# Executing ${triggers.length} build trigger${triggers.length > 1 ? 's' : ''}\n`,
    )
  }
  let hasCommand = false
  for (const instruction of all) {
    session.signal.throwIfAborted()
    if (!triggers.includes(instruction)) await next(instruction.original.trim())
    try {
      await runInstruction(stage, instruction, hasCommand)
    } catch (error) {
      throw located(error, instruction)
    }
    hasCommand ||= instruction.kind === 'CMD'
    await session.report.state(session.tools.keys.bytes(configBytes(stage.result())))
  }
  return stage.result()
}

/** What the base asks to be done in every image built on it. */
function takeTriggers(stage: StageRun): BuildInstruction[] {
  const { OnBuild: texts, ...rest } = stage.config
  stage.config = rest
  const { node, variables } = stage.environment
  const { from } = node.stage
  return (texts ?? []).map((text) => {
    try {
      return parseTrigger(text, from, variables.escape)
    } catch (error) {
      throw located(error, from)
    }
  })
}

async function runInstruction(
  stage: StageRun,
  instruction: BuildInstruction,
  hasCommand: boolean,
): Promise<void> {
  switch (instruction.kind) {
    case 'FROM':
      return
    case 'ARG':
      stage.noLayer(`ARG ${stage.scope.declare(instruction)}`)
      return
    case 'MAINTAINER':
      stage.author = instruction.value
      stage.noLayer(`MAINTAINER ${instruction.value}`)
      return
    case 'WORKDIR':
      await workdirStep(stage, instruction)
      return
    case 'COPY':
    case 'ADD':
      await copyStep(stage, instruction)
      return
    case 'RUN':
      await runStep(stage, instruction)
      return
    default: {
      const { config, created } = change(instruction, stage.config, stage.scope, hasCommand)
      stage.config = config
      if (created !== undefined) stage.noLayer(created)
    }
  }
}

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
