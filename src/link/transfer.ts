/** Told of bytes as they pass, of so many in all. */
export type OnTransfer = (doneBytes: number, totalBytes: number) => void

/** A whole playground as one file (docs/stores.md). */
export interface Transfer {
  /**
   * The file's content; the browser keeps it, not the page's memory. The machine goes on meanwhile.
   * @throws EngineError `conflict` when an image is removed meanwhile, `unavailable` before the engine is there
   */
  exportPlayground(onProgress: OnTransfer): Promise<Blob>
  /**
   * Put a file's playground in the place of this one. Until all of it has been read and found whole, this one goes on and
   * stays as it is; then it ends (see `Departure`), and the page must be loaded again.
   * @throws EngineError `invalid-parameter` with a sentence about the file, `unavailable` when there is no room
   */
  importPlayground(file: Blob, onProgress: OnTransfer): Promise<void>
}
