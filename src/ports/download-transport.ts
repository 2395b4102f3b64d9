/** What came of a fetch. */
export interface DownloadResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: ReadableStream<Uint8Array>
}

/** How ADD fetches a URL. A browser's may be refused by the other side (CORS). */
export interface DownloadTransport {
  /** @throws EngineError `unavailable` when the other side can't be reached */
  get(url: string, signal: AbortSignal): Promise<DownloadResponse>
}
