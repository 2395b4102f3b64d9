import { isNotFound } from '../../client/client-error.ts'
import type { ContainerSummary } from '../../client/types.ts'
import { ask } from '../../kit/ask.ts'
import { atLeast } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import type { ComposeCommand, ComposeInvocation } from '../compose-command.ts'
import { inDependencyOrder, servicesAlone } from '../converge/dependency-order.ts'
import { nameOf, observe, ofService, serviceOf } from '../converge/observed.ts'
import { stopContainers } from '../converge/stop.ts'
import type { Project } from '../project.ts'

export const rm: ComposeCommand = {
  usage: '[OPTIONS] [SERVICE...]',
  summary: 'Removes stopped service containers',
  description: `Removes stopped service containers

By default, anonymous volumes attached to containers will not be removed. You
can override this with -v. To list all volumes, use "docker volume ls".

Any data which is not in a volume will be lost.`,
  args: atLeast(0),
  flags: [
    flag('-a, --all', 'bool', 'Deprecated - no effect', { hidden: true }),
    flag('-f, --force', 'bool', "Don't ask to confirm removal"),
    flag('-s, --stop', 'bool', 'Stop the containers, if required, before removing'),
    flag('-v, --volumes', 'bool', 'Remove any anonymous volumes attached to containers'),
  ],
  async run(invocation) {
    const { args, err, flags, out, project, withProgress } = invocation
    const target = servicesAlone(await project(), args)
    if (flags.bool('stop')) await stop(invocation, target)
    const stopped = await stoppedContainers(invocation, target)
    if (stopped.length === 0) {
      await err.line('No stopped containers')
      return 0
    }
    const force = flags.bool('force')
    const message = `Going to remove ${stopped.map(nameOf).join(', ')}`
    if (force) await out.line(message)
    else if (!(await confirmed(invocation, message))) return 0
    await withProgress('Removing', async ({ client, progress, signal }) => {
      await Promise.all(
        stopped.map(async (container) => {
          const resource = `Container ${nameOf(container)}`
          progress.event(resource, 'working', 'Removing')
          await client.containers.remove(container.Id, { force, v: flags.bool('volumes') }, signal)
          progress.event(resource, 'done', 'Removed')
        }),
      )
    })
    return 0
  },
}

async function stop(
  { client, signal, withProgress }: ComposeInvocation,
  target: Project,
): Promise<void> {
  const containers = await observe(client, target.name, {}, signal)
  await withProgress('Running', (session) =>
    inDependencyOrder(target, 'down', (name, service) =>
      stopContainers(session, ofService(containers, name), { service }),
    ),
  )
}

/** Each is looked at alone, as the list's state may be old. */
async function stoppedContainers(
  { client, signal }: ComposeInvocation,
  { name, services }: Project,
): Promise<readonly ContainerSummary[]> {
  const containers = await observe(client, name, {}, signal)
  const checked = await Promise.all(
    containers
      .filter((container) => serviceOf(container) in services)
      .map(async (container) => {
        try {
          const { State } = await client.containers.inspect(container.Id, signal)
          return State.Running ? [] : [container]
        } catch (error) {
          if (isNotFound(error)) return []
          throw error
        }
      }),
  )
  return checked.flat()
}

async function confirmed({ host, out }: ComposeInvocation, message: string): Promise<boolean> {
  const question = host.tty[0] ? `? ${message} (y/N) ` : message
  return /^(y|1|t|true)$/i.test(await ask(host, out, question))
}
