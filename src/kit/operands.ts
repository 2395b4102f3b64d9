import { BrokenPipe } from './text-output.ts'
import { failed, messageOf, type Invocation } from './command.ts'

/** At once, at most: as many as Docker's CLI. */
const PARALLEL = 50

/**
 * Do something to each operand and print what it gives, in order.
 * @returns 0; throws ExitError 1 with the failures, a line each, after the rest was done
 */
export async function eachOperand(
  { out, err }: Invocation,
  operands: readonly string[],
  act: (operand: string) => Promise<string | undefined>,
  tolerate: (error: unknown) => boolean = () => false,
): Promise<number> {
  const failures: string[] = []
  for (let at = 0; at < operands.length; at += PARALLEL) {
    const results = operands.slice(at, at + PARALLEL).map((operand) =>
      act(operand).then(
        (text) => ({ text }),
        (error: unknown) => ({ error }),
      ),
    )
    for (const result of results) {
      const settled = await result
      if ('text' in settled) {
        if (settled.text !== undefined) await out.line(settled.text)
      } else if (settled.error instanceof BrokenPipe) throw settled.error
      else if (tolerate(settled.error)) await err.line(messageOf(settled.error))
      else failures.push(messageOf(settled.error))
    }
  }
  return failed(failures)
}
