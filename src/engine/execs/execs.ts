import { EngineError } from '../../core/error.ts'
import type { ContainerSet } from '../containers/container-set.ts'
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../../codec/detach-keys.ts'
import type { Container } from '../containers/container.ts'
import { resolveUser, type ResolvedUser } from '../containers/user.ts'
import { describe, Exec, requireLiving, type ExecConfig } from './exec.ts'
import { randomId } from '../random-id.ts'

/** How long an exec stays known after its end, in milliseconds (moby daemon/exec.go). */
const memory = 5 * 60_000

/** The execs of all containers, by id. They end with the engine. */
export class Execs {
  readonly #containers: ContainerSet
  /** They go with their container. */
  readonly #byContainer = new WeakMap<Container, Map<string, Exec>>()

  constructor(containers: ContainerSet) {
    this.#containers = containers
  }

  /**
   * @returns its id
   * @throws EngineError
   */
  async create(nameOrId: string, config: ExecConfig): Promise<string> {
    const container = this.#containers.get(nameOrId)
    requireLiving(container)
    if (config.command.length === 0) {
      throw new EngineError('invalid-parameter', 'No exec command specified')
    }
    checkDetachKeys(config.detachKeys)
    const user = await this.#user(container, config)
    requireLiving(container)
    const { clock } = this.#containers.context
    const execs = this.#byContainer.get(container) ?? new Map<string, Exec>()
    this.#byContainer.set(container, execs)
    for (const [id, { ended }] of execs) {
      if (ended !== undefined && clock.monotonic() - ended > memory) execs.delete(id)
    }
    const id = randomId(clock)
    execs.set(id, new Exec(this.#containers, container, id, config, user))
    container.event(`exec_create: ${describe(config.command)}`, { execID: id })
    return id
  }

  async #user(container: Container, config: ExecConfig): Promise<ResolvedUser> {
    const { record } = container
    const { root } = await this.#containers.images.tree(record.image)
    const spec = config.user || record.config.User
    try {
      return await resolveUser(root, spec, record.hostConfig.GroupAdd ?? [])
    } catch (cause) {
      if (!(cause instanceof EngineError)) throw cause
      throw new EngineError('invalid-parameter', cause.message, { cause })
    }
  }

  /** @throws EngineError `not-found` */
  get(id: string): Exec {
    for (const container of this.#containers.all()) {
      const exec = this.#byContainer.get(container)?.get(id)
      if (exec) return exec
    }
    throw new EngineError('not-found', `No such exec instance: ${id}`)
  }
}

function checkDetachKeys(keys: string): void {
  try {
    parseDetachKeys(keys || DEFAULT_DETACH_KEYS)
  } catch (cause) {
    throw new EngineError('internal', `Invalid escape keys (${keys}) provided`, { cause })
  }
}
