import type { CliHost } from '../ports/cli-host.ts'
import type { TextOutput } from './text-output.ts'

/** Ask on stdout and read a line from stdin; what there is of it when stdin ends before. */
export async function ask(host: CliHost, out: TextOutput, question: string): Promise<string> {
  await out.write(question)
  const reader = host.stdin.getReader()
  const decoder = new TextDecoder()
  let answer = ''
  try {
    while (!answer.includes('\n')) {
      const { done, value } = await reader.read()
      if (done) break
      answer += decoder.decode(value, { stream: true })
    }
  } finally {
    reader.releaseLock()
  }
  return answer.split('\n')[0]?.trim() ?? ''
}
