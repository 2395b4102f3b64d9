import { EngineError } from '../../src/core/error.ts'
import { guestPlaces } from '../../src/machine/guest-places.ts'
import type { Machine } from '../../src/ports/machine.ts'

const absent = (): Promise<never> =>
  Promise.reject(new EngineError('unavailable', 'no guest is running'))

/** A machine whose guest never came up: what images, networks and system must do without. */
export const absentMachine = (trees: Set<string> = new Set()): Machine => ({
  guest: {
    info: absent,
    ping: absent,
    kernelLog: absent,
    connections: new ReadableStream(),
    onState: () => undefined,
  },
  trees: {
    add: (id) => void trees.add(id),
    remove: (id) => void trees.delete(id),
  },
  processes: { run: absent, exec: absent, runOnHost: absent, signal: absent, resize: absent },
  containers: {
    pause: absent,
    resume: absent,
    update: absent,
    stats: absent,
    top: absent,
    delete: absent,
  },
  files: {
    readChanges: absent,
    listChanges: absent,
    read: absent,
    stat: absent,
    write: absent,
  },
  places: guestPlaces,
  networks: {
    create: absent,
    remove: absent,
    connect: absent,
    disconnect: absent,
    dial: absent,
    resolveNames: () => undefined,
    connectOutside: () => undefined,
  },
  [Symbol.asyncDispose]: () => Promise.resolve(),
})
