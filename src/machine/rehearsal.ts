import { mergeLayers } from '../codec/layer-merge.ts'
import { defaultMounts, sharedMemory } from '../core/default-mounts.ts'
import type { ContainerStart } from '../core/guest-protocol.ts'
import type { RuntimeSpec } from '../core/runtime-spec.ts'
import type { RootfsNode } from '../core/layer.ts'
import type { Clock } from '../ports/clock.ts'

/**
 * The emulator compiles what runs often, and a restored guest has nothing compiled: the first containers take three to ten
 * times as long as later ones. So, when the machine has been idle for a moment, a few containers are started that
 * nobody sees.
 */
export interface Rehearsed {
  /** Start a container and see it end. */
  perform(start: ContainerStart, signal: AbortSignal): Promise<void>
  /** Milliseconds the emulated CPU has slept since it started. */
  readonly idleTime: number
  /** When a user's process was started or taken care of last, in monotonic milliseconds; undefined before the first. */
  readonly lastWork: number | undefined
}

/** Enough for the times to settle. */
const ROUNDS = 20
/** After the first work of a user, for the next to come at once. */
const PAUSE = 300
/** For a first work to come at all. */
const PATIENCE = 2_000
const SAMPLE = 200
/** Share of a sample in which the CPU slept. */
const IDLE = 0.7

/** An empty tree: the program comes from the guest's own files. */
export const REHEARSAL_TREE: { readonly id: string; readonly root: RootfsNode } = {
  id: '0'.repeat(64),
  root: mergeLayers([]),
}

/** Rehearse until it is enough or the signal aborts. */
export async function rehearse(guest: Rehearsed, clock: Clock, signal: AbortSignal): Promise<void> {
  const begun = clock.monotonic()
  let seen: number | undefined
  for (let round = 0; round < ROUNDS;) {
    const work = guest.lastWork
    if (round > 0 && work === seen) {
      await guest.perform(start(round), signal)
      round++
      continue
    }
    const before = { time: clock.monotonic(), idle: guest.idleTime }
    await clock.sleep(SAMPLE, signal)
    const now = clock.monotonic()
    const rested = now - (work ?? begun) > (work === undefined ? PATIENCE : PAUSE)
    const idle = (guest.idleTime - before.idle) / (now - before.time) > IDLE
    if (rested && idle && guest.lastWork === work) {
      seen = work
      await guest.perform(start(round), signal)
      round++
    }
  }
}

function start(round: number): ContainerStart {
  // No engine has such an id: it ends in a whole run of zeros.
  const container = round.toString(16).padStart(8, '0').padEnd(64, '0')
  return {
    container,
    requestId: 'rehearsal',
    spec,
    rootfs: { tree: REHEARSAL_TREE.id, upper: 'tmpfs' },
    files: { hostname: 'rehearsal\n', hosts: '', 'resolv.conf': '' },
  }
}

const bind = (source: string, destination: string) => ({
  destination,
  type: 'bind',
  source,
  options: ['rbind', 'ro', 'rprivate'],
})

/** What Docker's containers have done to them; the program is docker-init, which forks and executes itself. */
const spec: RuntimeSpec = {
  ociVersion: '1.2.0',
  process: {
    user: { uid: 0, gid: 0, additionalGids: [10] },
    args: ['/sbin/docker-init', '--', '/sbin/docker-init'],
    env: [
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'HOSTNAME=rehearsal',
    ],
    cwd: '/',
    capabilities: {
      bounding: ['CAP_CHOWN', 'CAP_NET_RAW'],
      effective: ['CAP_CHOWN', 'CAP_NET_RAW'],
      permitted: ['CAP_CHOWN', 'CAP_NET_RAW'],
      inheritable: [],
      ambient: [],
    },
  },
  root: { path: 'rootfs' },
  hostname: 'rehearsal',
  mounts: [
    ...defaultMounts('ro'),
    sharedMemory(67_108_864),
    bind('/bin/docker-init', '/sbin/docker-init'),
  ],
  linux: {
    namespaces: ['mount', 'network', 'uts', 'pid', 'ipc', 'cgroup'].map((type) => ({ type })),
    maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/sys/firmware'],
    readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys'],
  },
}
