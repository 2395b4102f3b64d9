/** A figure that is measured, and what it must reach. */
export interface Figure {
  readonly title: string
  readonly unit: 'ms' | 'MB/s' | 'MB' | '%' | 'M'
  /** What is held against the target: the median, the 95th percentile or the only value. */
  readonly target: { readonly p50?: number; readonly p95?: number }
  /** `most`: the target is an upper bound. */
  readonly bound: 'most' | 'least'
}

const most = (title: string, unit: Figure['unit'], p50: number, p95?: number): Figure => ({
  title,
  unit,
  target: { p50, ...(p95 === undefined ? {} : { p95 }) },
  bound: 'most',
})

const least = (title: string, unit: Figure['unit'], p50: number): Figure => ({
  title,
  unit,
  target: { p50 },
  bound: 'least',
})

/** Millions of guest instructions, for comparison alone: the less the better, on any machine. */
const counted = (title: string): Figure => ({ title, unit: 'M', target: {}, bound: 'most' })

/** For comparison alone. */
const report = (title: string, unit: Figure['unit']): Figure => ({
  title,
  unit,
  target: {},
  bound: unit === 'MB/s' ? 'least' : 'most',
})

/** The performance table, in its order. */
export const figures = {
  'page-first': most('page open, nothing cached → shell prompt', 'ms', 2000),
  'page-reload': most('reload → shell prompt', 'ms', 1000),
  run: most('docker run --rm --network none busybox true, API, warm', 'ms', 60, 150),
  'run-peer-half': most('… as a share of real Docker beyond its client', '%', 50),
  'run-first': most('… first after a restore', 'ms', 400),
  'run-bridge': most('docker run --rm busybox true on the default bridge, API, warm', 'ms', 90),
  'run-bridge-peer-half': most('… as a share of real Docker beyond its client', '%', 50),
  exec: most('docker exec c1 true, API', 'ms', 25),
  'exec-peer-half': most('… as a share of real Docker beyond its client', '%', 50),
  list: most('list of 10 containers, API', 'ms', 5),
  'stream-out': least('stream guest → host, 64 KiB a write', 'MB/s', 150),
  'stream-in': least('stream host → guest, 64 KiB a write', 'MB/s', 100),
  ping: most('ping of guestd', 'ms', 0.6),
  name: most('DNS answer of another container’s name', 'ms', 10),
  'port-first-byte': most('published page, headless: connect → first byte', 'ms', 10, 30),
  'port-throughput': least('published port, host ← container, one connection', 'MB/s', 40),
  'preview-fetch': most('fetch of a published page through the preview, Chromium', 'ms', 15),
  'preview-navigation': most('… navigation to one', 'ms', 40),
  'preview-download': report('… download of 50 MB', 'MB/s'),
  'link-throughput': report('container ↔ container by the bridge, TCP', 'MB/s'),
  'egress-connect': report('container → outside, direct: connect, as the container sees it', 'ms'),
  'egress-throughput': report('container ← outside, direct, one connection', 'MB/s'),
  'compose-load': most('Compose file of 50 services and its override, loaded', 'ms', 60),
  pull: most('pull of debian:12-slim from the catalog, headless', 'ms', 3000),
  'pull-chromium': most('pull of debian:12-slim from the catalog, Chromium', 'ms', 5000),
  'run-chromium': most('docker run through the API in Chromium, warm', 'ms', 60, 150),
  'exec-chromium': most('docker exec through the API in Chromium', 'ms', 25),
  'list-chromium': most('list of 10 containers in Chromium', 'ms', 5),
  'stream-out-chromium': least('stream guest → host in Chromium', 'MB/s', 150),
  'stream-in-chromium': least('stream host → guest in Chromium', 'MB/s', 100),
  'ping-chromium': most('ping of guestd in Chromium', 'ms', 0.6),
  download: most('first download up to the prompt, as transferred', 'MB', 8),
  'run-shell': most('docker run typed in the shell, `time`', 'ms', 130),
  'run-shell-bridge': most('docker run --rm busybox true typed in the shell, `time`', 'ms', 160),
  'key-echo': most('key pressed in the shell → seen on the screen', 'ms', 40, 40),
  'complete-shell': most('Tab: docker __complete in the shell, `time`', 'ms', 150),
  'run-instructions': counted('run --rm --network none busybox true, guest instructions'),
  'run-bridge-instructions': counted('… on the default bridge'),
  'exec-instructions': counted('exec c1 true, guest instructions'),
  'ping-instructions': counted('ping of guestd, guest instructions'),
  idle: most('idle: engine and guest up, no container, share of a core', '%', 5),
  build: most('build of 4 steps on busybox (WORKDIR, COPY, RUN, CMD), no cache, API', 'ms', 250),
  'build-peer': most('… as a share of real Docker beyond its client', '%', 100),
  'build-cached': most('… all cached', 'ms', 15),
  'build-edit': most('build of 12 steps in 3 stages, a file of the last edited', 'ms', 500),
  'build-context': most('context of 5,000 files, 50 MB, unchanged', 'ms', 1500),
  'build-run': most('RUN true: the step beyond the command', 'ms', 120),
  'disk-sync': most('4 KiB write + fsync on a volume, headless', 'ms', 5),
  'disk-write': least('64 MB written in order + fsync on a volume, headless', 'MB/s', 40),
  'disk-read': least('cold read of it after a start, headless', 'MB/s', 60),
  'disk-sync-chromium': most('4 KiB write + fsync on a volume, Chromium strict', 'ms', 20),
  'disk-write-chromium': least('64 MB written in order + fsync on a volume, Chromium', 'MB/s', 20),
  'disk-read-chromium': least('cold read of it after a reload, Chromium', 'MB/s', 60),
  'shell-files': report('5,000 files created, listed, deleted in the shell', 'ms'),
  'files-peer': report('… by busybox on a volume, as a share of qemu TCG on the same kernel', '%'),
  'run-beside-writer': most('run --rm beside a container that writes all the time, p95', '%', 200),
  'start-stored': most('start with 200 containers and 20 images, beyond an empty one', 'ms', 300),
  'build-layer': most('RUN that writes 2,000 files, 40 MB: beyond the command', 'ms', 4000),
  'share-read': least('32 MB read from a directory of the machine', 'MB/s', 30),
  'share-write': least('32 MB written to a directory of the machine', 'MB/s', 30),
  'share-stat': report('2,000 files of a directory of the machine looked at (find -size)', 'ms'),
  'share-read-small': report('2,000 small files of a directory of the machine read', 'ms'),
} as const satisfies Record<string, Figure>

export type FigureId = keyof typeof figures

/** Percentile by nearest rank; `samples` may be in any order and must not be empty. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((left, right) => left - right)
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  if (value === undefined) throw new Error('no samples')
  return value
}
