import type { WaitResult } from '../client/types.ts'
import { messageOf, type Invocation } from './command.ts'
import { BrokenPipe } from './text-output.ts'

/** The container's own; 125 when the engine lost it. */
export async function exitCode({ err }: Invocation, result: Promise<WaitResult>): Promise<number> {
  try {
    const { StatusCode, Error: failure } = await result
    if (!failure) return StatusCode
    await err.line(`Error waiting for container: ${failure.Message}`)
  } catch (error) {
    if (error instanceof BrokenPipe) throw error
    await err.line(`error waiting for container: ${messageOf(error)}`)
  }
  return 125
}
