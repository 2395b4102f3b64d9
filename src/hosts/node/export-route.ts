import type { EngineHandler } from '../../core/engine-http.ts'
import { streamOf } from '../../engine/build/layer-tar.ts'
import { exportPlayground, type ExportSource } from '../../storage/transfer/export.ts'

/** Not of Docker's API, as `/drydock/diagnostics`; for who may open the engine's own socket, not for containers. */
export const EXPORT_PATH = '/drydock/export'

/** The same engine, which gives its playground away as a file, too. */
export function withExport(handler: EngineHandler, source: ExportSource): EngineHandler {
  return (request) => {
    if (request.method !== 'GET' || request.path !== EXPORT_PATH) return handler(request)
    return Promise.resolve({
      status: 200,
      headers: { 'content-type': 'application/octet-stream' },
      body: streamOf(exportPlayground(source, { signal: request.signal })),
    })
  }
}
