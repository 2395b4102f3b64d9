import { canonical, parseReference, type Reference } from '../core/reference.ts'
import { ExitError, messageOf, type Invocation } from './command.ts'
import { drainProgress, showProgress } from './progress.ts'
import type { TextOutput } from './text-output.ts'

export interface PullOptions {
  readonly quiet: boolean
  readonly platform: string | undefined
  readonly output: TextOutput
  readonly isTerminal: boolean
}

/** Pull and show how it goes. */
export async function pullImage(
  { client, host, signal }: Invocation,
  image: Reference,
  options: PullOptions,
): Promise<void> {
  const fromImage = canonical({ domain: image.domain, path: image.path })
  const messages = await client.images.pull(
    { fromImage, tag: image.digest ?? image.tag ?? '', platform: options.platform },
    signal,
  )
  if (options.quiet) await drainProgress(messages)
  else
    await showProgress(messages, { output: options.output, isTerminal: options.isTerminal, host })
}

/** @throws ExitError with Docker's sentence */
export function reference(text: string): Reference {
  try {
    return parseReference(text)
  } catch (error) {
    throw new ExitError(1, messageOf(error), { cause: error })
  }
}
