/** What this browser keeps for the playground. */
export interface StorageStatus {
  /** Bytes; without the reserve. */
  readonly usedBytes: number
  /** Bytes that the browser says it still gives. */
  readonly freeBytes: number
  /** The browser has promised not to throw it away. */
  readonly persisted: boolean
}
