import { EngineError } from '../../src/core/error.ts'
import type { Machine } from '../../src/ports/machine.ts'

const absent = (): Promise<never> =>
  Promise.reject(new EngineError('unavailable', 'no guest is running'))

/** A machine whose guest never came up: what images, networks and system must do without. */
export const absentMachine = (trees: Set<string> = new Set()): Machine => ({
  info: absent,
  addTree: (id) => void trees.add(id),
  removeTree: (id) => void trees.delete(id),
  run: absent,
  exec: absent,
  runOnHost: absent,
  signal: absent,
  resize: absent,
  pause: absent,
  resume: absent,
  update: absent,
  stats: absent,
  top: absent,
  delete: absent,
  readChanges: absent,
  listChanges: absent,
  readFiles: absent,
  statFile: absent,
  writeFiles: absent,
  createNetwork: absent,
  removeNetwork: absent,
  connectNetwork: absent,
  disconnectNetwork: absent,
  dial: absent,
  resolveNames: () => undefined,
  connectOutside: () => undefined,
  ping: absent,
  kernelLog: absent,
  connections: new ReadableStream(),
  onState: () => undefined,
  [Symbol.asyncDispose]: () => Promise.resolve(),
})
