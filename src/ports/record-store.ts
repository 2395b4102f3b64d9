/** Kinds of records; each kind is a map from key to a JSON value. */
export type RecordKind =
  | 'image'
  | 'layer'
  | 'container'
  | 'network'
  | 'volume'
  | 'setting'
  | 'build-cache'
  | 'build-mount'

export type RecordChange =
  | { readonly kind: RecordKind; readonly key: string; readonly value: unknown }
  | { readonly kind: RecordKind; readonly key: string; readonly delete: true }

/** Small JSON records. Whoever creates a store disposes it. */
export interface RecordStore extends AsyncDisposable {
  get(kind: RecordKind, key: string): Promise<unknown>
  list(kind: RecordKind): Promise<ReadonlyMap<string, unknown>>
  /** All changes or none, in order; resolved when they survive the death of the process. */
  commit(changes: readonly RecordChange[]): Promise<void>
}
