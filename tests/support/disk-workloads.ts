import type { MachineProcess } from '../../src/ports/machine/processes.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import { containerSpec, containerStart } from './container-spec.ts'
import { BUSYBOX, finish, sh } from './guest.ts'

/** A program that says each number when it is safe. */
export interface Workload {
  readonly name: string
  readonly script: string
  /** Files below the volume, by name, after a crash. @returns the greatest number that is there, -1 without one */
  readonly recover: (files: ReadonlyMap<string, string>) => number
}

const COUNT = 60

/** The last whole line's number; all lines before it must be there. */
function lastLine(text: string, first: number): number {
  const lines = text.split('\n').slice(0, -1)
  for (const [at, line] of lines.entries())
    if (line !== `line ${first + at}`) return at === 0 ? -1 : first + at - 1
  return first + lines.length - 1
}

export const workloads: readonly Workload[] = [
  {
    name: 'log',
    script: `i=0; while [ $i -lt ${2 * COUNT} ]; do echo line $i >> log; sync log; echo log $i; i=$((i+1)); done`,
    recover: (files) => lastLine(files.get('log') ?? '', 0),
  },
  {
    // A write-ahead log in segments; a checkpoint replaces the base by a rename and removes old segments.
    name: 'postgres',
    script:
      `i=0; while [ $i -lt ${COUNT} ]; do s=$((i/10)); echo line $i >> wal.$s; sync wal.$s; [ $((i%10)) = 0 ] && sync .; echo postgres $i; ` +
      `if [ $((i%10)) = 9 ]; then echo $i > base.new; sync base.new; mv base.new base; sync .; rm wal.$s; sync .; fi; i=$((i+1)); done`,
    recover: (files) => {
      let last = Number(files.get('base') ?? -1)
      for (let segment = 0; segment * 10 < COUNT; segment++) {
        const text = files.get(`wal.${segment}`)
        if (text !== undefined) last = Math.max(last, lastLine(text, segment * 10))
      }
      return last
    },
  },
  {
    // A rollback journal: what was there before is safe before it is written over.
    name: 'sqlite',
    script:
      `echo '     -1' > db; sync db; sync .; i=0; while [ $i -lt ${COUNT} ]; do cp db journal; sync journal; sync .; ` +
      `printf '%7d\\n' $i | dd of=db conv=notrunc,fsync 2>/dev/null; rm journal; sync .; echo sqlite $i; i=$((i+1)); done`,
    recover: (files) => {
      const journal = files.get('journal')
      // One that is not whole was never relied on.
      const valid = journal !== undefined && /^ *-?\d+\n$/.test(journal) && journal.length === 8
      return Number(valid ? journal : (files.get('db') ?? -1))
    },
  },
]

/** Names that `recover` may look at. */
export const workloadFiles: readonly string[] = [
  'log',
  'base',
  'db',
  'journal',
  ...Array.from({ length: COUNT / 10 }, (_, segment) => `wal.${segment}`),
]

const container = (script: string) => {
  const plain = containerStart(BUSYBOX, containerSpec(sh(script)))
  const data = {
    destination: '/data',
    type: 'bind',
    source: '/run/disk/volumes/data/_data',
    options: ['rbind'],
  }
  return {
    ...plain,
    spec: { ...plain.spec, mounts: [...(plain.spec.mounts ?? []), data] },
    rootfs: { ...plain.rootfs, upper: 'disk' as const },
  }
}

/** Runs a workload; each line that it says goes to `onLine`. */
export async function perform(
  machine: GuestMachine,
  workload: Workload,
  onLine: (line: string) => void,
): Promise<void> {
  const start = container(`cd /data; ${workload.script}`)
  const process: MachineProcess = await machine.processes.run(start)
  let text = ''
  for await (const { bytes } of process.output) {
    text += new TextDecoder().decode(bytes)
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  }
  await machine.containers.delete(start.container)
}

/** Files come and go, layers and volumes are made, filled and removed. */
export async function churn(machine: GuestMachine): Promise<void> {
  for (let round = 0; round < 4; round++) {
    await machine.disk?.makeVolume(`churn-${round}`)
    const start = container(
      `mkdir -p /t/a /data/d${round}; for i in 1 2 3 4 5 6 7 8; do cp -r /etc /t/a/$i; mv /t/a/$i /data/d${round}/$i; done; ` +
        `head -c 300000 /bin/busybox > /big; ln /big /hard; chmod 600 /big; sync; rm -rf /data/d${round}/[1-5] /t`,
    )
    await finish(await machine.processes.run(start))
    // As a prune does: the layer, then a volume of an earlier round.
    await machine.containers.delete(start.container)
    if (round > 0) await machine.disk?.removeVolume(`churn-${round - 1}`)
  }
}
