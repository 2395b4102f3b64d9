import type { Digest } from './digest.ts'

/**
 * What a build tells beyond Docker's classic stream, to clients that ask for it (`x-drydock-trace: 1`): messages
 * `{"id":"drydock.trace","aux":BuildTrace}`. Times are milliseconds since 1970.
 */
export type BuildTrace =
  | {
      readonly kind: 'vertex'
      readonly vertex: number
      /** `[2/4] RUN make` */
      readonly name: string
      readonly time: number
      /** Lines of the Dockerfile, from 1. */
      readonly lines?: readonly [start: number, end: number]
    }
  | {
      readonly kind: 'log'
      readonly vertex: number
      readonly stream: 'stdout' | 'stderr'
      readonly text: string
      readonly time: number
    }
  | {
      /** A part of a vertex: a layer that is fetched, an image that is named. */
      readonly kind: 'status'
      readonly vertex: number
      readonly name: string
      readonly time: number
      readonly current?: number
      readonly total?: number
      readonly done: boolean
    }
  | {
      readonly kind: 'done'
      readonly vertex: number
      readonly time: number
      readonly cached: boolean
      readonly error?: string
      readonly canceled?: true
    }
  | {
      /** A step that failed: where, and how. */
      readonly kind: 'failure'
      readonly message: string
      readonly lines: readonly [start: number, end: number]
      readonly source: string
      readonly file: string
    }
  | { readonly kind: 'result'; readonly image: Digest; readonly names: readonly string[] }

export const TRACE_ID = 'drydock.trace'
export const TRACE_HEADER = 'x-drydock-trace'
