import { EngineError } from '../core/error.ts'
import type { DownloadResponse, DownloadTransport } from '../ports/download-transport.ts'

/** URLs by `fetch`. In a browser only those that allow it (CORS) can be had. */
export class FetchDownloads implements DownloadTransport {
  async get(url: string, signal: AbortSignal): Promise<DownloadResponse> {
    let response: Response
    try {
      response = await fetch(url, { signal })
    } catch (cause) {
      signal.throwIfAborted()
      const reason =
        cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : ''
      throw new EngineError(
        'unavailable',
        `Get ${JSON.stringify(url)}: ${reason || 'it can not be reached from here'}`,
        { cause },
      )
    }
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: response.body ?? new Blob([]).stream(),
    }
  }
}
