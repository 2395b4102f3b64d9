import type { Digest } from '../../core/digest.ts'
import type { Place } from './build-error.ts'
import type { VertexReport } from './report.ts'

/** A layer of a stage. */
export interface StepLayer {
  readonly diffId: Digest
  /** RFC 3339 */
  readonly created: string
  readonly key: Digest
}

export interface LayerStep {
  readonly key: Digest
  readonly parent: Digest | undefined
  /** `[2/4] RUN make` */
  readonly name: string
  readonly place: Place
  readonly noCache: boolean
  /** The stage so far, this step's own line of history included: for `--cache-from`. */
  readonly lineage: Lineage
  /** What a layer of another image is taken for: its history, as RUN's, or its content as well. */
  readonly borrow: 'history' | 'content' | 'never'
  readonly make: (vertex: VertexReport) => Promise<ReadableStream<Uint8Array>>
}

export interface Lineage {
  readonly diffIds: readonly Digest[]
  readonly history: readonly string[]
}
