import type { RunInstruction } from '../../codec/dockerfile/instructions.ts'
import { EngineError } from '../../core/error.ts'
import type { RuntimeMount } from '../../core/runtime-spec.ts'
import type { RootfsNode } from '../../core/layer.ts'
import type { MachinePlaces } from '../../ports/machine/places.ts'
import type { CacheRequest } from './cache-mounts.ts'
import { absolutePath } from './copy-step.ts'
import { parseMount, type MountOptions } from './mount-options.ts'
import type { StageRun } from './stage.ts'
import { findNode, resolveInRoot } from './tree-path.ts'

/** A mount whose source is known, or is made when the step runs. */
export type MountPlan =
  | { readonly kind: 'ready'; readonly mount: RuntimeMount }
  | {
      readonly kind: 'cache'
      readonly destination: string
      readonly readOnly: boolean
      readonly request: CacheRequest
    }
  /** What is written there is gone with the step. */
  | {
      readonly kind: 'writable'
      readonly destination: string
      /** Of a tree, in the guest. */
      readonly source: string
      readonly node: RootfsNode
    }

/** What RUN's mounts come to. */
export interface RunMounts {
  readonly plans: readonly MountPlan[]
  readonly env: readonly string[]
  /** Trees to be added to the machine while it runs. */
  readonly trees: readonly { readonly id: string; readonly root: RootfsNode }[]
  /** For the cache key. */
  readonly inputs: readonly unknown[]
  /** Paths that are mount points only. */
  readonly targets: readonly string[]
}

const SECRETS = '/run/secrets'

/** @throws EngineError `invalid-parameter` in BuildKit's words (dockerfile2llb/convert_runmount.go, convert_secrets.go) */
export async function runMounts(
  stage: StageRun,
  instruction: RunInstruction,
  container: string,
): Promise<RunMounts> {
  const all = new Mounts(stage, container)
  for (const text of instruction.mounts) {
    const options = parseMount(stage.scope.expand(text))
    switch (options.type) {
      case 'tmpfs':
        all.tmpfs(options)
        break
      case 'secret':
        all.secret(options)
        break
      case 'ssh':
        throw new EngineError('not-implemented', 'Drydock has no SSH agent for --mount=type=ssh')
      case 'bind':
        await all.bind(options)
        break
      case 'cache':
        await all.cache(options, instruction)
    }
  }
  return all.result()
}

class Mounts {
  readonly #stage: StageRun
  readonly #container: string
  readonly #plans: MountPlan[] = []
  readonly #env: string[] = []
  readonly #trees: { id: string; root: RootfsNode }[] = []
  readonly #inputs: unknown[] = []
  readonly #secrets = new Map<string, RootfsNode>()

  constructor(stage: StageRun, container: string) {
    this.#stage = stage
    this.#container = container
  }

  result(): RunMounts {
    if (this.#secrets.size > 0) {
      this.#trees.push({ id: this.#secretTree, root: directoryOf(this.#secrets) })
    }
    return {
      plans: this.#plans,
      env: this.#env,
      trees: this.#trees,
      inputs: this.#inputs,
      targets: this.#plans.flatMap((plan) =>
        withParents(plan.kind === 'ready' ? plan.mount.destination : plan.destination),
      ),
    }
  }

  tmpfs({ type, target, size, readOnly }: MountOptions): void {
    this.#ready({
      destination: this.#absolute(target),
      type: 'tmpfs',
      source: 'tmpfs',
      options: [
        'nosuid',
        'nodev',
        ...(readOnly ? ['ro'] : []),
        ...(size === undefined ? [] : [`size=${size}`]),
      ],
    })
    this.#inputs.push([type, target, size])
  }

  /** The content is in a tree of the step's own: on no disk, in no layer, and no part of the cache's keys. */
  secret({ type, target, id, source, env, required, ...owner }: MountOptions): void {
    const name = id ?? source ?? target?.split('/').at(-1) ?? ''
    if (name === '') throw invalid('invalid secret mount. one of source, target required')
    const path =
      target ?? (env === undefined ? `${SECRETS}/${name.split('/').at(-1) ?? name}` : undefined)
    this.#inputs.push([type, name, path, env, owner.mode, owner.uid, owner.gid])
    const bytes = this.#stage.environment.session.request.secrets.get(name)
    if (!bytes) {
      if (required) throw invalid(`secret ${name}: not found`)
      return
    }
    if (env !== undefined) this.#env.push(`${env}=${variableOf(name, bytes)}`)
    if (path === undefined) return
    const file = `${this.#secrets.size}`
    this.#secrets.set(file, secretFile(bytes, owner))
    this.#ready({
      destination: this.#absolute(path),
      type: 'bind',
      source: this.#places.tree(this.#secretTree, file),
      options: ['bind', 'ro', 'nosuid', 'nodev', 'noexec'],
    })
  }

  async bind({ type, target, from, source, readOnly }: MountOptions): Promise<void> {
    const { session, files } = this.#stage.environment
    const found = await this.#source(await files(from), source)
    const destination = this.#absolute(target)
    this.#inputs.push([type, target, readOnly, await session.tools.keys.tree(found.node)])
    if (readOnly) {
      this.#ready({ destination, type: 'bind', source: found.path, options: ['bind', 'ro'] })
    } else {
      this.#plans.push({
        kind: 'writable',
        destination,
        source: found.path,
        node: found.node,
      })
    }
  }

  async cache(options: MountOptions, { command }: RunInstruction): Promise<void> {
    const { type, target, from, source, id, sharing = 'shared', readOnly } = options
    const { session, files } = this.#stage.environment
    const { keys } = session.tools
    if (target === undefined) throw invalid('invalid mount target ""')
    const destination = this.#absolute(target)
    const name = id ?? destination
    const seed = from === undefined ? undefined : await this.#source(await files(from), source)
    const begins = seed && (await keys.tree(seed.node))
    const { mode = seed?.node.mode ?? 0o755, uid = seed?.node.uid ?? 0 } = options
    const { gid = seed?.node.gid ?? 0 } = options
    const shown = command.form === 'exec' ? command.args.join(' ') : command.text
    this.#plans.push({
      kind: 'cache',
      destination,
      readOnly,
      request: {
        key: keys.of('cache', name, begins).slice('sha256:'.length),
        sharing,
        mode,
        uid,
        gid,
        ...(seed ? { seed: seed.node } : {}),
        description: `cached mount ${destination} from exec ${shown}${id === undefined ? '' : ` with id ${JSON.stringify(id)}`}`,
      },
    })
    this.#inputs.push([type, destination, name, begins])
  }

  /** A path of a tree that the machine is to have. */
  async #source(
    files: Awaited<ReturnType<StageRun['environment']['files']>>,
    source: string | undefined,
  ): Promise<{ readonly node: RootfsNode; readonly path: string }> {
    const path = resolveInRoot(files.root, source ?? '/')
    const node = findNode(files.root, path)
    if (!node) throw invalid(`failed to compute cache key: "/${path}": not found`)
    const id = files.tree ?? ownTree(this.#container, this.#trees.length)
    this.#trees.push({ id, root: files.root })
    return { node, path: this.#places.tree(id, path) }
  }

  #ready(mount: RuntimeMount): void {
    this.#plans.push({ kind: 'ready', mount })
  }

  #absolute(target: string | undefined): string {
    const directory = this.#stage.config.WorkingDir ?? '/'
    const path = absolutePath(target ?? '/', directory).replace(/(.)\/$/, '$1')
    if (path === '/') throw invalid(`invalid mount target ${JSON.stringify(target ?? '')}`)
    return path
  }

  get #places(): MachinePlaces {
    return this.#stage.environment.session.tools.context.machine.places
  }

  get #secretTree(): string {
    return ownTree(this.#container, 0xfffe)
  }
}

/** 64 hex characters of the container's own, told apart by their last four. */
const ownTree = (container: string, index: number): string =>
  `${container.slice(0, 60)}${(index + 1).toString(16).padStart(4, '0')}`

/** Whether a tree goes with a container. */
export const isOwnTree = (container: string, tree: string): boolean =>
  tree.startsWith(container.slice(0, 60))

/** `/a/b` → `/a`, `/a/b` */
function withParents(path: string): string[] {
  const parts = path.split('/').slice(1)
  return parts.map((_, at) => `/${parts.slice(0, at + 1).join('/')}`)
}

const invalid = (message: string): EngineError => new EngineError('invalid-parameter', message)

/** @throws EngineError for what no variable can hold */
function variableOf(name: string, bytes: Uint8Array): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    if (!text.includes('\0')) return text
  } catch {
    // Told below.
  }
  throw invalid(`secret ${name}: its bytes are no text that an environment variable can hold`)
}

const secretFile = (
  bytes: Uint8Array,
  { mode = 0o400, uid = 0, gid = 0 }: Pick<MountOptions, 'mode' | 'uid' | 'gid'>,
): RootfsNode => ({
  kind: 'file',
  mode,
  uid,
  gid,
  mtime: 0,
  size: bytes.length,
  offset: 0,
  links: 1,
  source: { read: (offset, length) => bytes.subarray(offset, offset + length) },
})

const directoryOf = (children: ReadonlyMap<string, RootfsNode>): RootfsNode => ({
  kind: 'directory',
  mode: 0o711,
  uid: 0,
  gid: 0,
  mtime: 0,
  size: 0,
  offset: 0,
  links: 2,
  children,
})
