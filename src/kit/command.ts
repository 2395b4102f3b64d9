import type { DockerClient } from '../client/client.ts'
import type { CliHost, CliSignal } from '../ports/cli-host.ts'
import type { Flag, Flags } from './flags.ts'
import type { TextOutput } from './text-output.ts'

/** What a command works with. */
export interface Invocation {
  readonly host: CliHost
  readonly client: DockerClient
  /** Aborted by SIGINT and SIGTERM, and when the user is gone. */
  readonly signal: AbortSignal
  /** Aborted when the command was killed or the user's process is gone: nothing may outlive it. */
  readonly life: AbortSignal
  readonly out: TextOutput
  readonly err: TextOutput
  readonly flags: Flags
  readonly args: readonly string[]
  /** Takes every signal until the function that it gives is called: `signal` stays quiet meanwhile. */
  readonly takeSignals: (listener: (signal: CliSignal) => void) => () => void
}

/** A verb of the docker CLI, a file each. */
export interface Command {
  /** What follows the verb in the usage: `[OPTIONS] CONTAINER [CONTAINER...]`. */
  readonly usage: string
  readonly summary: string
  /** Below the usage instead of the summary. */
  readonly description?: string
  readonly flags?: readonly Flag[]
  readonly args: ArgumentRule
  /** False where options end at the first argument, as the rest belongs to a container's command. */
  readonly interspersed?: false
  /** Gives the exit code; throws ExitError, ClientError or TemplateError. */
  run(invocation: Invocation): Promise<number>
}

/** How many arguments a command takes. */
export interface ArgumentRule {
  readonly min: number
  readonly max: number
}

export const noArguments: ArgumentRule = { min: 0, max: 0 }
export const exactly = (count: number): ArgumentRule => ({ min: count, max: count })
export const atLeast = (min: number): ArgumentRule => ({ min, max: Number.POSITIVE_INFINITY })
export const atMost = (max: number): ArgumentRule => ({ min: 0, max })
export const between = (min: number, max: number): ArgumentRule => ({ min, max })

/** Ends the command with a code; the message, if any, goes to stderr. */
export class ExitError extends Error {
  override readonly name = 'ExitError'
  readonly code: number

  constructor(code: number, message = '', options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Errors of several operands: each was told where it happened, this is the end. */
export const failed = (messages: readonly string[]): number => {
  if (messages.length === 0) return 0
  throw new ExitError(1, messages.join('\n'))
}

export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)
