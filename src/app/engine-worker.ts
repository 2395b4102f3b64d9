import { EngineError } from '../core/error.ts'

/** The engine's worker, running already. */
export const engineWorker: Worker = new Worker(
  new URL('../hosts/worker/worker.ts', import.meta.url),
  { type: 'module' },
)

/** Rejects when it could not be loaded. */
export const engineWorkerBroken: Promise<never> = new Promise<never>((_, reject) => {
  engineWorker.addEventListener('error', ({ message }) =>
    reject(
      new EngineError(
        'unavailable',
        `The engine's worker failed: ${message || 'it could not be loaded'}`,
      ),
    ),
  )
})
engineWorkerBroken.catch(() => undefined)
