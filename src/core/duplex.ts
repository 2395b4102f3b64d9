/** Both directions of a byte stream. Closing `writable` is a half-close; aborting it is a reset. */
export interface Duplex {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
}
