import type { DockerClient } from '../../client/client.ts'

/** What doing something to a project needs. */
export interface Session {
  readonly client: DockerClient
  readonly progress: Progress
  readonly signal: AbortSignal
  /** A sentence that is told beside the progress. */
  readonly warn: (message: string) => void
  /** Text of a file by its absolute path. */
  readonly readFile: (path: string) => Promise<string>
}

export type ProgressState = 'working' | 'done' | 'warning' | 'error'

/** Takes what happens to resources: `Container web-1`, `Creating`. */
export interface Progress {
  /** @param text what is done to it, where the resource's name doesn't tell */
  event(resource: string, state: ProgressState, status: string, text?: string): void
  /** Do what writes by itself: nothing is shown meanwhile. */
  aside<T>(act: () => Promise<T>): Promise<T>
}
