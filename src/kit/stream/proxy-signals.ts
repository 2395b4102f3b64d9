import type { Invocation } from '../command.ts'

/** Hand every signal to the container instead (docker/cli container/signals.go). */
export function proxySignals({ client, takeSignals }: Invocation, container: string): () => void {
  return takeSignals((signal) => {
    // The container may have gone already.
    client.containers.kill(container, signal.slice('SIG'.length)).catch(() => undefined)
  })
}
