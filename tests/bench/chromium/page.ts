import { wrap, type Remote } from 'comlink'
import type { BenchWorker } from './worker.ts'

declare global {
  interface Window {
    bench: Remote<BenchWorker>
  }
}

window.bench = wrap<BenchWorker>(
  new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
)
