import { readTar } from '../../codec/tar/read.ts'
import { EngineError } from '../../core/error.ts'
import type { FileStat } from '../../core/guest-archives.ts'
import type { RuntimeSpec } from '../../core/runtime-spec.ts'
import type { MachineFiles } from '../../ports/machine/files.ts'
import type { CompleteHostConfig } from '../../core/host-config.ts'

type Linux = RuntimeSpec['linux']
type DeviceNode = NonNullable<Linux['devices']>[number]
type DeviceRule = NonNullable<NonNullable<Linux['resources']>['devices']>[number]

/** Devices of the guest that a container gets, and what it may do with them. */
export interface ContainerDevices {
  readonly nodes: readonly DeviceNode[]
  readonly rules: readonly DeviceRule[]
}

const S_IFMT = 0o170000
const S_IFCHR = 0o020000
const S_IFDIR = 0o040000
const S_IFBLK = 0o060000

/**
 * Of `--device` and `--device-cgroup-rule` (moby oci/devices_linux.go DevicesFromPath).
 * @throws EngineError `not-found` in Docker's words for what is no device
 */
export async function containerDevices(
  files: MachineFiles,
  { Devices: devices, DeviceCgroupRules: given, Privileged: privileged }: CompleteHostConfig,
): Promise<ContainerDevices> {
  const nodes: DeviceNode[] = []
  const rules: DeviceRule[] = []
  // A privileged container has all of them already, by their own names.
  for (const device of privileged ? [] : devices) {
    const { PathOnHost: source = '', PathInContainer: target } = device
    const access = device.CgroupPermissions || 'rwm'
    for (const node of await nodesAt(files, source, target || source)) {
      nodes.push(node)
      const { type, major, minor } = node
      rules.push({ allow: true, type, ...numbers(major, minor), access })
    }
  }
  for (const rule of given ?? []) rules.push(parseRule(rule))
  return { nodes, rules }
}

const numbers = (major: number | undefined, minor: number | undefined) => ({
  ...(major === undefined ? {} : { major }),
  ...(minor === undefined ? {} : { minor }),
})

async function nodesAt(files: MachineFiles, source: string, target: string): Promise<DeviceNode[]> {
  const refuse = (cause?: unknown): EngineError =>
    new EngineError(
      'internal',
      `error gathering device information while adding custom device "${source}": no such file or directory`,
      { cause },
    )
  let stat
  try {
    stat = await statOf(files, source)
  } catch (error) {
    if (error instanceof EngineError && error.code === 'not-found') throw refuse(error)
    throw error
  }
  const kind = stat.mode & S_IFMT
  if (kind === S_IFCHR || kind === S_IFBLK)
    return [nodeOf(target, { ...stat, type: kind === S_IFCHR ? 'c' : 'b' })]
  const nodes = kind === S_IFDIR ? await nodesBelow(files, source, target) : []
  if (nodes.length === 0) throw refuse()
  return nodes
}

/** Links are followed: `/dev/stdin` and the like. */
async function statOf(files: MachineFiles, path: string): Promise<FileStat> {
  const stat = await files.stat({ host: true }, path)
  return stat.linkTarget === '' ? stat : files.stat({ host: true }, stat.linkTarget)
}

async function nodesBelow(
  files: MachineFiles,
  source: string,
  target: string,
): Promise<DeviceNode[]> {
  const nodes: DeviceNode[] = []
  const { tar } = await files.read({ host: true }, source, { name: '' })
  for await (const { kind, path, mode, uid, gid, major = 0, minor = 0 } of readTar(tar)) {
    if (kind !== 'character' && kind !== 'block') continue
    const type = kind === 'character' ? 'c' : 'b'
    nodes.push(nodeOf(`${target}/${path}`, { type, mode, uid, gid, major, minor }))
  }
  return nodes
}

const nodeOf = (
  path: string,
  stat: Pick<FileStat, 'mode' | 'uid' | 'gid' | 'major' | 'minor'> & { readonly type: string },
): DeviceNode => ({
  path,
  type: stat.type,
  major: stat.major,
  minor: stat.minor,
  fileMode: stat.mode & 0o777,
  uid: stat.uid,
  gid: stat.gid,
})

/**
 * `c 1:3 rwm`, with `*` for any number.
 * @throws EngineError `internal` in Docker's words
 */
function parseRule(rule: string): DeviceRule {
  const [, type = '', major = '', minor = '', access = ''] =
    /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/.exec(rule) ?? []
  if (access === '')
    throw new EngineError('internal', `invalid device cgroup rule format: '${rule}'`)
  const number = (text: string): number | undefined => (text === '*' ? undefined : Number(text))
  return { allow: true, type, ...numbers(number(major), number(minor)), access }
}
