import './stream-iteration.ts'
import { exposePlayground } from '../../link/transport.ts'
import { WorkerPlayground } from './playground.ts'

exposePlayground(new WorkerPlayground())
