import type { ContainerSummary } from '../../client/types.ts'
import { atLeast } from '../../kit/command.ts'
import { flag, type Flag } from '../../kit/flags.ts'
import type { ComposeCommand, ComposeInvocation } from '../compose-command.ts'
import { inDependencyOrder, servicesAlone } from '../converge/dependency-order.ts'
import { nameOf, observe, ofService } from '../converge/observed.ts'
import type { Session } from '../converge/session.ts'
import { start as startProject } from '../converge/start.ts'
import { stopContainers } from '../converge/stop.ts'
import type { ServiceConfig } from '../service.ts'

const timeoutFlag = flag('-t, --timeout', 'int', 'Specify a shutdown timeout in seconds')

const timeoutOf = ({ flags }: ComposeInvocation): { readonly timeout?: number } =>
  flags.has('timeout') ? { timeout: flags.number('timeout') } : {}

/** A verb that does one thing to every container of the services. */
function verb(
  summary: string,
  flags: readonly Flag[],
  direction: 'up' | 'down',
  act: (
    session: Session,
    containers: readonly ContainerSummary[],
    invocation: ComposeInvocation,
    service: ServiceConfig,
  ) => Promise<void>,
): ComposeCommand {
  return {
    usage: '[OPTIONS] [SERVICE...]',
    summary,
    args: atLeast(0),
    flags,
    async run(invocation) {
      const { args, client, project, signal, withProgress } = invocation
      const target = servicesAlone(await project(), args)
      const containers = await observe(client, target.name, {}, signal)
      await withProgress('Running', (session) =>
        inDependencyOrder(target, direction, (name, service) =>
          act(session, ofService(containers, name), invocation, service),
        ),
      )
      return 0
    },
  }
}

/** Do something to each container and tell before and after. */
const each = async (
  { progress }: Session,
  containers: readonly ContainerSummary[],
  [doing, done]: readonly [string, string],
  act: (id: string) => Promise<void>,
): Promise<void> => {
  await Promise.all(
    containers.map(async (container) => {
      const resource = `Container ${nameOf(container)}`
      progress.event(resource, 'working', doing)
      try {
        await act(container.Id)
      } catch (error) {
        progress.event(resource, 'error', 'Error')
        throw error
      }
      progress.event(resource, 'done', done)
    }),
  )
}

export const stop: ComposeCommand = verb(
  'Stop services',
  [timeoutFlag],
  'down',
  (session, containers, invocation, service) =>
    stopContainers(session, containers, { ...timeoutOf(invocation), service }),
)

export const restart: ComposeCommand = verb(
  'Restart service containers',
  [timeoutFlag],
  'up',
  (session, containers, invocation) =>
    each(session, containers, ['Restarting', 'Started'], (id) =>
      session.client.containers.restart(id, timeoutOf(invocation), session.signal),
    ),
)

export const kill: ComposeCommand = verb(
  'Force stop service containers',
  [flag('-s, --signal', 'string', 'SIGNAL to send to the container', { initial: 'SIGKILL' })],
  'down',
  (session, containers, { flags }) =>
    each(
      session,
      containers.filter(({ State }) => State === 'running'),
      ['Killing', 'Killed'],
      (id) => session.client.containers.kill(id, flags.text('signal'), session.signal),
    ),
)

export const pause: ComposeCommand = verb('Pause services', [], 'down', (session, containers) =>
  each(
    session,
    containers.filter(({ State }) => State === 'running'),
    ['Pausing', 'Paused'],
    (id) => session.client.containers.pause(id, session.signal),
  ),
)

export const unpause: ComposeCommand = verb('Unpause services', [], 'up', (session, containers) =>
  each(
    session,
    containers.filter(({ State }) => State === 'paused'),
    ['Unpausing', 'Unpaused'],
    (id) => session.client.containers.unpause(id, session.signal),
  ),
)

export const start: ComposeCommand = {
  usage: '[SERVICE...]',
  summary: 'Start services',
  args: atLeast(0),
  flags: [
    flag('--wait', 'bool', 'Wait for services to be running|healthy. Implies detached mode.'),
  ],
  async run({ args, flags, project, withProgress }) {
    const target = servicesAlone(await project(), args)
    await withProgress('Running', (session) =>
      startProject(session, target, { wait: flags.bool('wait') }),
    )
    return 0
  },
}
