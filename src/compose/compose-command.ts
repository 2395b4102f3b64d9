import type { Command, Invocation } from '../kit/command.ts'
import type { Session } from './converge/session.ts'
import type { LoadOptions, Project } from './project.ts'

/** How far the files are resolved; all the way unless told otherwise. */
export type LoadChoices = Pick<LoadOptions, 'checkConsistency' | 'normalize' | 'resolveEnvironment'>

/** What a command of Compose works with, besides what every command has. */
export interface ComposeInvocation extends Invocation {
  /** The project of the files; only these services and what they need when some are named. */
  readonly load: (services: readonly string[], choices?: LoadChoices) => Promise<Project>
  /** The project that was named, as the engine knows it; that of the files when none was. */
  readonly project: () => Promise<Project>
  /** Do something and show how it goes, under a title: `Running`. */
  readonly withProgress: <T>(title: string, act: (session: Session) => Promise<T>) => Promise<T>
  /** `--progress`, as `docker build` has it. */
  readonly buildProgress: string
  /** Whether output may have colours. */
  readonly color: boolean
}

/** A verb of `docker compose`, a file each. */
export interface ComposeCommand extends Omit<Command, 'run'> {
  /** Gives the exit code. */
  run(invocation: ComposeInvocation): Promise<number>
}
