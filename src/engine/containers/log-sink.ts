import type { OutputChunk } from '../../ports/machine/processes.ts'
import type { Context } from '../context.ts'
import type { Container } from './container.ts'
import { LogLines } from './log-lines.ts'
import type { OutputSink } from './process-io.ts'
import { strictTimes } from './time.ts'

/** Writes the output of a run to the container's log. */
export function logSink(context: Context, container: Container): OutputSink {
  const lines = new LogLines(strictTimes(context.clock))
  const { followers } = container
  const append = (entries: ReturnType<LogLines['end']>): void => {
    if (entries.length === 0) return
    context.logs.append(container.id, entries)
    followers.push(entries)
  }
  return {
    write({ stream, bytes }: OutputChunk) {
      append(lines.push(stream, bytes))
    },
    end() {
      append(lines.end())
      followers.end()
    },
  }
}
