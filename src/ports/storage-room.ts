/** Whether the stores of an engine take what is written. */
export interface StorageRoom {
  /** Why they do not, for people; undefined: they do. */
  readonly trouble: string | undefined
  /** Bytes that are kept so that there is room to free something; they count as used with the host. */
  readonly reserved: number
  /** Called at each change of `trouble`. */
  watch(listener: (trouble: string | undefined) => void): void
  /** Something may have been freed: look now. Resolves when that is done; it never rejects. */
  check(): Promise<void>
}
