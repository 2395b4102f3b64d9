import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { RuntimeSpec } from '../../src/core/runtime-spec.ts'
import type { RootfsNode } from '../../src/core/layer.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import { catalogTree } from './catalog-tree.ts'
import { processSpec } from './container-spec.ts'
import { finish, type Finished } from './guest.ts'

const crun = new URL('../../public/guest/test/crun.gz', import.meta.url)

export const ORACLE = 'ca'.repeat(32)

const node = (more: Partial<RootfsNode>): RootfsNode => ({
  kind: 'file',
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: 0,
  size: 0,
  offset: 0,
  links: 1,
  ...more,
})

const file = (bytes: Uint8Array): RootfsNode =>
  node({
    size: bytes.length,
    source: { read: (offset, length) => bytes.subarray(offset, offset + length) },
  })

const directory = (children: Readonly<Record<string, RootfsNode>>): RootfsNode =>
  node({ kind: 'directory', links: 2, children: new Map(Object.entries(children)) })

/** A host root with busybox, crun, and busybox's own tree as the root of a bundle. */
export async function oracleTree(): Promise<RootfsNode> {
  if (!existsSync(crun)) throw new Error('public/guest/test/crun.gz is missing: run wasm/crun.sh')
  const busybox = await catalogTree('busybox:latest')
  return directory({
    ...Object.fromEntries(busybox.children ?? []),
    crun: file(gunzipSync(readFileSync(crun))),
    // Nodes of its own: a directory has one place.
    bundle: directory({ rootfs: await catalogTree('busybox:latest') }),
  })
}

const capabilities = [
  ...'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE'.split(
    ' ',
  ),
  ...'NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO'.split(
    ' ',
  ),
  ...'SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME'.split(' '),
  ...'SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG'.split(
    ' ',
  ),
  ...'WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'.split(' '),
].map((name) => `CAP_${name}`)

let runs = 0

/** Run a bundle with crun, in a machine whose host root is the oracle's tree. */
export async function runWithCrun(machine: GuestMachine, spec: RuntimeSpec): Promise<Finished> {
  const id = `oracle${++runs}`
  const config = JSON.stringify({
    ...spec,
    ociVersion: '1.0.2',
    linux: { ...spec.linux, cgroupsPath: `/oracle/${id}` },
  })
  const process = await machine.processes.runOnHost({
    host: id,
    process: processSpec(
      [
        'sh',
        '-c',
        `cat > /bundle/config.json; cd /bundle; exec /crun --cgroup-manager=cgroupfs run ${id} < /dev/null`,
      ],
      {
        capabilities: {
          bounding: capabilities,
          effective: capabilities,
          permitted: capabilities,
          inheritable: [],
          ambient: [],
        },
      },
    ),
  })
  const writer = process.stdin.getWriter()
  await writer.write(new TextEncoder().encode(config))
  await writer.close()
  return finish(process)
}
