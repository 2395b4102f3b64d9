import { heredocText, parseHeredoc } from '../../codec/dockerfile/heredoc.ts'
import type { RunInstruction } from '../../codec/dockerfile/instructions.ts'
import { shellOf } from './metadata.ts'
import type { StageRun } from './stage.ts'

/** What a RUN executes. */
export interface RunCommand {
  /** As history and errors have it. */
  readonly args: readonly string[]
  /** What is run, where it is not that. */
  readonly run?: readonly string[]
  /** A script that the Dockerfile holds, for the container's `/dev/pipes`. */
  readonly script?: { readonly name: string; readonly text: string }
  readonly shown: string
}

/** The shell form in the stage's shell, a heredoc as its script. */
export function runCommand(
  stage: StageRun,
  { command, heredocs, mounts, network }: RunInstruction,
): RunCommand {
  const flags = [
    ...mounts.map((mount) => `--mount=${mount}`),
    ...(network === undefined ? [] : [`--network=${network}`]),
  ]
  const named = (text: string): string => ['RUN', ...flags, text].join(' ')
  if (command.form === 'exec') {
    return {
      args: command.args,
      shown: named(JSON.stringify(command.args).replaceAll('","', '", "')),
    }
  }
  const shell = shellOf(stage.config)
  const [first] = heredocs
  if (!first)
    return { args: [...shell, command.text], shown: named(stage.scope.shown(command.text)) }
  const isWhole = heredocs.length === 1 && parseHeredoc(command.text.trim()) !== undefined
  if (!isWhole) {
    const texts = heredocs.map(({ name, content }) => `\n${content}${name}`)
    return { args: [...shell, `${command.text}${texts.join('')}`], shown: named(command.text) }
  }
  const text = heredocText(first)
  const lines = text.trim().split(/\r?\n/)
  const shown = named(`${command.text.trim()} (${lines[0] ?? ''}${lines.length > 1 ? '...' : ''})`)
  const interpreter = /^#!\s*(\S+)(?:[ \t]+(.*\S))?/.exec(text)
  if (!interpreter) return { args: [...shell, text], shown }
  const [, program = '', argument] = interpreter
  const path = `/dev/pipes/${first.name}`
  return {
    args: [...shell, path],
    // The container's files are not executable: what the kernel makes of the first line is done here.
    run: [program, ...(argument === undefined ? [] : [argument]), path],
    script: { name: first.name, text },
    shown,
  }
}
