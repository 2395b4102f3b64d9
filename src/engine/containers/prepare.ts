import type { ContainerStart } from '../../core/guest-protocol.ts'
import type { RootfsNode } from '../../core/layer.ts'
import type { RuntimeMount } from '../../core/runtime-spec.ts'
import type { Context } from '../context.ts'
import type { Networks } from '../networks/networks.ts'
import { guestNetwork, type Sandbox } from '../networks/sandbox.ts'
import { containerDevices } from './devices.ts'
import { networkFiles } from './network-files.ts'
import type { ContainerSetup } from './record.ts'
import { runtimeSpec, seccompOf, type SharedNamespaces } from './spec.ts'
import type { ResolvedUser } from './user.ts'

/** What a container gets from those around it. */
export interface Surroundings {
  readonly requestId?: string | undefined
  readonly user: ResolvedUser
  /** Its image, and the name under which the machine has it. */
  readonly tree: string
  readonly root: RootfsNode
  /** Its layer need not survive the guest. */
  readonly volatile: boolean
  /** Overlay's redirect_dir; default true. */
  readonly redirect?: boolean
  readonly shared?: SharedNamespaces
  /** The container whose network it shares. */
  readonly neighbour?: string | undefined
  /** What links put into /etc/hosts and into the environment. */
  readonly links?: { readonly lines: readonly string[]; readonly environment: readonly string[] }
  /** Beyond those that are made from the setup. */
  readonly mounts?: readonly RuntimeMount[]
  /** Text by name. */
  readonly files?: Readonly<Record<string, string>>
}

/**
 * Makes all that a container needs before its process: the image's tree in the machine, places in its networks, files, mounts,
 * devices, seccomp. `networks.leave` gives the places back, also after a failure.
 * @throws EngineError in Docker's words
 */
export async function prepareContainer(
  engine: { readonly context: Context; readonly networks: Networks },
  setup: ContainerSetup,
  around: Surroundings,
): Promise<ContainerStart> {
  const { machine } = engine.context
  const { user, tree, root, shared = {}, links = { lines: [], environment: [] } } = around
  machine.trees.add(tree, root)
  const devices = await containerDevices(machine.files, setup.hostConfig)
  const own = await engine.networks.join(setup)
  const sandbox = around.neighbour === undefined ? own : engine.networks.sandbox(around.neighbour)
  const files = networkFiles(engine, setup, sandbox, links.lines)
  const spec = runtimeSpec(setup, {
    places: machine.places,
    user,
    shared,
    devices,
    linked: links.environment,
  })
  const seccomp = seccompOf(setup.hostConfig)
  return {
    container: setup.id,
    ...(around.requestId === undefined ? {} : { requestId: around.requestId }),
    spec: { ...spec, mounts: [...(spec.mounts ?? []), ...(around.mounts ?? [])] },
    rootfs: {
      tree,
      upper: machine.disk ? 'disk' : 'tmpfs',
      ...(around.volatile ? { volatile: true } : {}),
      ...(around.redirect === undefined ? {} : { redirect: around.redirect }),
    },
    files: { ...files, ...around.files },
    ...networkOf(own),
    ...(seccomp === undefined ? {} : { seccomp }),
  }
}

/** `host` and `none` have no links. */
const networkOf = (sandbox: Sandbox | undefined): Pick<ContainerStart, 'network'> =>
  sandbox?.endpoints.some((endpoint) => endpoint.interface !== '')
    ? { network: guestNetwork(sandbox) }
    : {}
