import type { ProgressMessage } from '../core/engine-api.ts'
import type { CliHost } from '../ports/cli-host.ts'
import { ExitError } from './command.ts'
import { humanSize } from './human.ts'
import type { TextOutput } from './text-output.ts'

export interface ProgressTarget {
  readonly output: TextOutput
  readonly isTerminal: boolean
  readonly host: CliHost
  /** Gets what belongs to no display. */
  readonly onAux?: (aux: unknown) => Promise<void> | void
}

/**
 * Show the progress of a pull, push or load (moby pkg/jsonmessage): a line per layer that is written over on a terminal.
 * @throws ExitError with the error that the stream told of
 */
export async function showProgress(
  messages: ReadableStream<ProgressMessage>,
  target: ProgressTarget,
): Promise<void> {
  const { output, isTerminal } = target
  let lines = new Map<string, number>()
  for await (const message of messages) {
    throwIfFailed(message)
    if (message.aux !== undefined) {
      await target.onAux?.(message.aux)
      continue
    }
    let text = ''
    let up = 0
    const { id = '' } = message
    if (id !== '' && message.progressDetail !== undefined) {
      let line = lines.get(id)
      if (line === undefined) {
        line = lines.size
        lines.set(id, line)
        if (isTerminal) text += '\n'
      }
      up = lines.size - line
      if (isTerminal) text += `\u001B[${up}A`
    } else {
      // What isn't progress ends what could be written over.
      lines = new Map()
    }
    text += lineOf(message, isTerminal, target.host)
    if (id !== '' && isTerminal && up > 0) text += `\u001B[${up}B`
    await output.write(text)
  }
}

/**
 * Only an error matters, and what a quiet builder says.
 * @throws ExitError with the error that the stream told of
 */
export async function drainProgress(
  messages: ReadableStream<ProgressMessage>,
  onAux?: (aux: unknown) => void,
): Promise<string> {
  let text = ''
  for await (const message of messages) {
    throwIfFailed(message)
    if (message.aux !== undefined) onAux?.(message.aux)
    text += message.stream ?? ''
  }
  return text
}

function throwIfFailed({ error, errorDetail }: ProgressMessage): void {
  if (error === undefined && errorDetail === undefined) return
  const code = errorDetail?.code ?? 0
  throw new ExitError(code === 0 ? 1 : code, errorDetail?.message ?? error)
}

function lineOf(message: ProgressMessage, isTerminal: boolean, host: CliHost): string {
  const { id = '', status = '', stream = '', progressDetail } = message
  const bar = progressDetail === undefined ? '' : progressBar(progressDetail, host)
  if (!isTerminal && bar !== '') return ''
  const head = id === '' ? '' : `${id}: `
  if (isTerminal && stream === '' && progressDetail !== undefined)
    return `\u001B[2K\r${head}${status} ${bar}\r`
  return stream === '' ? `${head}${status}\n` : head + stream
}

function progressBar(
  { current = 0, total = 0 }: { readonly current?: number; readonly total?: number },
  host: CliHost,
): string {
  if (current <= 0 && total <= 0) return ''
  const now = humanSize(current, 4).padStart(8)
  if (total <= 0) return now
  const half = Math.min(50, Math.trunc(((current / total) * 100) / 2))
  const box = host.size().cols > 110 ? `[${'='.repeat(half)}>${' '.repeat(50 - half)}] ` : ''
  return box + (current > total ? now : `${now}/${humanSize(total, 4)}`)
}
