import { diagnosticsOf } from '../diagnostics.ts'
import { requestIds } from '../request-ids.ts'
import { engineSocket } from './engine-socket.ts'

/** `drydock diagnostics`: what the engine at this address (`unix://…`, `tcp://…`) tells of itself, on standard output. */
export async function printDiagnostics(address: string): Promise<void> {
  process.stdout.write(await diagnosticsOf(engineSocket(address), requestIds()))
}
