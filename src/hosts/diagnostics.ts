import type { EngineHandler } from '../core/engine-http.ts'
import { getJson } from './get-json.ts'

/** What helps to understand a fault, as JSON for people: log with stage timings, machine, kernel log. */
export async function diagnosticsOf(
  handler: EngineHandler,
  requestId: () => string,
): Promise<string> {
  return `${JSON.stringify(await getJson(handler, requestId(), '/drydock/diagnostics'), undefined, 2)}\n`
}
