/** What the instructions mean: names, flags and arguments judged (BuildKit frontend/dockerfile/instructions). Nothing is expanded yet. */
import type { Heredoc } from './heredoc.ts'

interface Base {
  /** One line, as written. */
  readonly original: string
  readonly startLine: number
  readonly endLine: number
  readonly comments: readonly string[]
}

export interface KeyValue {
  readonly key: string
  readonly value: string
}

/** A command: an array is executed as it is, a text by the stage's shell. */
export type Command =
  | { readonly form: 'exec'; readonly args: readonly string[] }
  | { readonly form: 'shell'; readonly text: string }

export interface FromInstruction extends Base {
  readonly kind: 'FROM'
  readonly base: string
  /** Lower case. */
  readonly name?: string
  readonly platform?: string
}

export interface CopyInstruction extends Base {
  readonly kind: 'COPY' | 'ADD'
  readonly sources: readonly string[]
  readonly destination: string
  readonly heredocs: readonly Heredoc[]
  readonly from?: string
  readonly chown?: string
  readonly chmod?: string
  readonly link: boolean
  readonly parents: boolean
  readonly exclude: readonly string[]
  readonly checksum?: string
  readonly keepGitDir?: boolean
  readonly unpack?: boolean
}

export interface RunInstruction extends Base {
  readonly kind: 'RUN'
  readonly command: Command
  readonly heredocs: readonly Heredoc[]
  /** `type=cache,target=/x`, not yet expanded. */
  readonly mounts: readonly string[]
  readonly network?: string
  readonly security?: string
}

export interface HealthcheckInstruction extends Base {
  readonly kind: 'HEALTHCHECK'
  /** Undefined for NONE. */
  readonly command?: Command
  readonly interval?: string
  readonly timeout?: string
  readonly startPeriod?: string
  readonly startInterval?: string
  readonly retries?: string
}

export type BuildInstruction =
  | FromInstruction
  | CopyInstruction
  | RunInstruction
  | HealthcheckInstruction
  | (Base & {
      readonly kind: 'ARG'
      readonly args: readonly { readonly key: string; readonly value?: string }[]
    })
  | (Base & {
      readonly kind: 'ENV' | 'LABEL'
      readonly pairs: readonly KeyValue[]
      readonly legacy: boolean
    })
  | (Base & {
      readonly kind: 'WORKDIR' | 'USER' | 'STOPSIGNAL' | 'MAINTAINER'
      readonly value: string
    })
  | (Base & { readonly kind: 'EXPOSE'; readonly ports: readonly string[] })
  | (Base & { readonly kind: 'VOLUME'; readonly paths: readonly string[] })
  | (Base & { readonly kind: 'CMD' | 'ENTRYPOINT'; readonly command: Command })
  | (Base & { readonly kind: 'SHELL'; readonly shell: readonly string[] })
  | (Base & { readonly kind: 'ONBUILD'; readonly text: string })

export type InstructionKind = BuildInstruction['kind']

/** A stage: its FROM and what follows. */
export interface Stage {
  readonly from: FromInstruction
  readonly instructions: readonly BuildInstruction[]
}
