import { serveConnection } from '../codec/http/server.ts'
import type { EngineHandler } from '../core/engine-http.ts'
import type { Duplex } from '../core/duplex.ts'
import type { GuestConnection, MachineGuest } from '../ports/machine/guest.ts'

export interface GuestServices {
  /** Answers `/run/docker.sock` in the guest. */
  readonly handler: EngineHandler
  readonly requestId: () => string
  /** Serves one call of the guest's `docker`. */
  readonly docker: (connection: Duplex) => Promise<void>
  readonly log: (line: string) => void
  readonly signal: AbortSignal
}

/** Serve what processes in the guest connect to, until the signal. A connection that fails harms no other. */
export async function serveGuest(guest: MachineGuest, services: GuestServices): Promise<void> {
  const reader = guest.connections.getReader()
  const stop = (): void => void reader.cancel(services.signal.reason).catch(() => undefined)
  services.signal.addEventListener('abort', stop, { once: true })
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      void serveOne(value, services)
    }
  } finally {
    services.signal.removeEventListener('abort', stop)
  }
}

async function serveOne(
  { service, stream }: GuestConnection,
  services: GuestServices,
): Promise<void> {
  try {
    if (service === 'docker-cli') await services.docker(stream)
    else {
      const { handler, requestId, signal } = services
      await serveConnection(stream, handler, { requestId, signal })
    }
  } catch (error) {
    services.log(`${service}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
