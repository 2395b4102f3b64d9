import type { ContainerInspect, ContainerSummary } from '../../client/types.ts'
import type { Project } from '../project.ts'
import type { ServiceConfig, ServiceDependency } from '../service.ts'
import { inDependencyOrder } from './dependency-order.ts'
import { injectFiles } from './inject-files.ts'
import { runHook } from './hooks.ts'
import { nameOf, observe, ofService } from './observed.ts'
import { scaleOf } from './plan.ts'
import type { Session } from './session.ts'
import { ContainerWatch } from './watch-containers.ts'

export interface StartOptions {
  /** Resolves only when all run, or are healthy where they have a healthcheck. */
  readonly wait: boolean
}

/** Start a project's containers, each service when what it depends on is as it asks. */
export async function start(
  session: Session,
  project: Project,
  options: StartOptions,
): Promise<void> {
  const { client, signal } = session
  const containers = await observe(client, project.name, {}, signal)
  await using watch = new Lazy(() => ContainerWatch.open(client, project.name, signal))
  const waiter = new Waiter(session, project, containers, watch)
  await inDependencyOrder(project, 'up', async (name, service) => {
    await waiter.dependencies(name)
    const own = ofService(containers, name)
    if (own.length === 0 && scaleOf(name, service) > 0)
      throw new Error(`service "${name}" has no container to start`)
    for (const container of own)
      if (container.State !== 'running') await startContainer(session, project, service, container)
  })
  if (options.wait)
    await Promise.all(Object.keys(project.services).map((name) => waiter.ready(name)))
}

/** Resolves when what a service depends on is as it asks. */
export async function awaitDependencies(
  session: Session,
  project: Project,
  name: string,
  containers: readonly ContainerSummary[],
): Promise<void> {
  const { client, signal } = session
  await using watch = new Lazy(() => ContainerWatch.open(client, project.name, signal))
  await new Waiter(session, project, containers, watch).dependencies(name)
}

async function startContainer(
  session: Session,
  project: Project,
  service: ServiceConfig,
  container: ContainerSummary,
): Promise<void> {
  const { client, progress, signal } = session
  const resource = `Container ${nameOf(container)}`
  await injectFiles(session, project, service, container.Id)
  progress.event(resource, 'working', 'Starting')
  try {
    await client.containers.start(container.Id, {}, signal)
    for (const hook of service.post_start ?? []) await runHook(session, container.Id, hook)
  } catch (error) {
    progress.event(resource, 'error', 'Error')
    throw error
  }
  progress.event(resource, 'done', 'Started')
}

/** Opened when it is first asked for. */
class Lazy implements AsyncDisposable {
  readonly #open: () => Promise<ContainerWatch>
  #opened: Promise<ContainerWatch> | undefined

  constructor(open: () => Promise<ContainerWatch>) {
    this.#open = open
  }

  get(): Promise<ContainerWatch> {
    return (this.#opened ??= this.#open())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#opened)?.[Symbol.asyncDispose]()
  }
}

type Condition = ServiceDependency['condition'] | 'running_or_healthy'

class Waiter {
  readonly #session: Session
  readonly #project: Project
  readonly #containers: readonly ContainerSummary[]
  readonly #watch: Lazy

  constructor(
    session: Session,
    project: Project,
    containers: readonly ContainerSummary[],
    watch: Lazy,
  ) {
    this.#session = session
    this.#project = project
    this.#containers = containers
    this.#watch = watch
  }

  async dependencies(name: string): Promise<void> {
    for (const [other, wanted] of Object.entries(this.#project.services[name]?.depends_on ?? {}))
      await this.#dependency(name, other, wanted)
  }

  /** A dependency that is not required may fail: that is told, and no more. */
  async #dependency(name: string, other: string, wanted: ServiceDependency): Promise<void> {
    const service = this.#project.services[other]
    // Started in order already; or not part of this run.
    if (wanted.condition === 'service_started' || !service || scaleOf(other, service) === 0) return
    const { progress, warn } = this.#session
    const containers = ofService(this.#containers, other)
    if (containers.length === 0) {
      if (wanted.required) throw new Error(`${name} is missing dependency ${other}`)
      warn(`${name} is missing dependency ${other}`)
      return
    }
    try {
      await this.#until(other, containers, wanted.condition)
    } catch (error) {
      if (wanted.required || !(error instanceof Error) || this.#session.signal.aborted) throw error
      const message = `optional dependency ${error.message}`
      for (const container of containers)
        progress.event(`Container ${nameOf(container)}`, 'warning', `Skipped ${message}`)
      warn(message)
    }
  }

  /** For `--wait`: a job that others wait for to end is ready when it has ended. */
  async ready(name: string): Promise<void> {
    const isJob = Object.values(this.#project.services).some(
      ({ depends_on }) => depends_on?.[name]?.condition === 'service_completed_successfully',
    )
    const condition = isJob ? 'service_completed_successfully' : 'running_or_healthy'
    await this.#until(name, ofService(this.#containers, name), condition)
  }

  async #until(
    name: string,
    containers: readonly ContainerSummary[],
    condition: Condition,
  ): Promise<void> {
    const { client, progress, signal } = this.#session
    const resources = containers.map((container) => `Container ${nameOf(container)}`)
    const tell = (state: 'working' | 'done' | 'error', status: string): void => {
      for (const resource of resources) progress.event(resource, state, status)
    }
    tell('working', 'Waiting')
    const watch = await this.#watch.get()
    try {
      await watch.until(async () => {
        const states = await Promise.all(
          containers.map(({ Id }) => client.containers.inspect(Id, signal)),
        )
        const done =
          condition === 'service_completed_successfully'
            ? completed(name, states)
            : states.every((state) => healthy(state, condition === 'running_or_healthy'))
        return done ? true : undefined
      }, signal)
    } catch (error) {
      if (!signal.aborted) tell('error', 'Error')
      throw error
    }
    tell('done', condition === 'service_completed_successfully' ? 'Exited' : 'Healthy')
  }
}

/** @throws Error when it can't become so any more */
function healthy(container: ContainerInspect, runningIsEnough: boolean): boolean {
  const { State, Config } = container
  const name = container.Name.slice(1)
  const failed = (what: string): Error =>
    new Error(`${runningIsEnough ? '' : 'dependency failed to start: '}container ${name} ${what}`)
  if (State.Status === 'exited') throw failed(`exited (${State.ExitCode})`)
  const check = Config.Healthcheck?.Test?.[0]
  if ((check === undefined || check === 'NONE') && runningIsEnough) return State.Running
  if (!State.Health) throw failed('has no healthcheck configured')
  if (State.Health.Status === 'unhealthy') throw failed('is unhealthy')
  return State.Health.Status === 'healthy'
}

/** @throws Error when one has failed */
function completed(name: string, containers: readonly ContainerInspect[]): boolean {
  const exited = containers.find(({ State }) => State.Status === 'exited')
  if (!exited) return false
  const code = exited.State.ExitCode
  if (code === 0) return true
  throw new Error(`service "${name}" didn't complete successfully: exit ${code}`)
}
