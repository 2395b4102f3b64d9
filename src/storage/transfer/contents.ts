import { EngineError } from '../../core/error.ts'
import { EXPORT_FORMAT } from '../../codec/export-file.ts'
import type { RecordKind } from '../../ports/record-store.ts'
import { STORE_SCHEMA } from '../schema.ts'

/** Every kind of record, in the order in which an export has them. */
const order: Readonly<Record<RecordKind, true>> = {
  image: true,
  layer: true,
  container: true,
  network: true,
  volume: true,
  setting: true,
  'build-cache': true,
  'build-mount': true,
}
export const recordKinds: readonly RecordKind[] = Object.keys(order) as RecordKind[]

export type StoredRecord = readonly [kind: RecordKind, key: string, value: unknown]

/** First frame of an export. */
export interface ExportHead {
  /** Of the file. */
  readonly format: number
  /** Of the stores that it was made of. */
  readonly schema: number
  /** Bytes of the whole disk. */
  readonly diskSize: number
  /** Bytes of blobs and blocks in the file. */
  readonly bytes: number
}

/** @throws EngineError `invalid-parameter` */
export function parseHead(value: unknown): ExportHead {
  const { format, schema, diskSize, bytes } = value as Partial<Record<keyof ExportHead, unknown>>
  const numbers = [format, schema, diskSize, bytes]
  if (!numbers.every((number) => Number.isSafeInteger(number) && (number as number) >= 0))
    throw new EngineError('invalid-parameter', 'The file is damaged: its head is none.')
  const head = value as ExportHead
  if (head.format > EXPORT_FORMAT || head.schema > STORE_SCHEMA)
    throw new EngineError(
      'invalid-parameter',
      'The file was exported by a newer version of Drydock. Import it with that version.',
    )
  return head
}
