import type { ContainerSummary } from '../../client/types.ts'
import { exactly, ExitError } from '../../kit/command.ts'
import { copyFrom, copyPlace, copyTo } from '../../kit/copy/copy.ts'
import { flag } from '../../kit/flags.ts'
import type { ComposeCommand, ComposeInvocation } from '../compose-command.ts'
import { nameOf, observe, runningContainer, serviceOf } from '../converge/observed.ts'

/** `docker compose cp`: to every container of a service, or from its first (pkg/compose/cp.go). */
export const copy: ComposeCommand = {
  usage:
    '[OPTIONS] SERVICE:SRC_PATH DEST_PATH|-\n\tdocker compose cp [OPTIONS] SRC_PATH|- SERVICE:DEST_PATH',
  summary: 'Copy files/folders between a service container and the local filesystem',
  args: exactly(2),
  flags: [
    flag('--all', 'bool', 'Include containers created by the run command'),
    flag('-a, --archive', 'bool', 'Archive mode (copy all uid/gid information)'),
    flag('-L, --follow-link', 'bool', 'Always follow symbol link in SRC_PATH'),
    flag('--index', 'int', 'Index of the container if service has multiple replicas', {
      initial: '0',
    }),
  ],
  async run(invocation) {
    const { args, flags, host, withProgress } = invocation
    const [from = '', to = ''] = args
    if (from === '') throw new ExitError(1, 'source can not be empty')
    if (to === '') throw new ExitError(1, 'destination can not be empty')
    const source = copyPlace(from)
    const target = copyPlace(to)
    if (source.container !== '' && target.container !== '')
      throw new ExitError(1, 'copying between services is not supported')
    const service = source.container || target.container
    if (service === '') throw new ExitError(1, 'unknown copy direction')

    const containers = await containersOf(invocation, service)
    const outward = source.container !== ''
    const chosen = outward ? containers.slice(0, 1) : containers
    const local = from === '-' ? sharedStream(host.stdin, chosen.length) : undefined
    await withProgress('Copying', ({ progress }) =>
      Promise.all(
        chosen.map(async (container, at) => {
          const name = nameOf(container)
          const text = outward
            ? `copy ${name}:${source.path} to ${to}`
            : `copy ${from} to ${name}:${target.path}`
          progress.event(name, 'working', 'Copying', text)
          if (outward) {
            await copyFrom(invocation, { container: container.Id, path: source.path }, to, {
              followLink: flags.bool('follow-link'),
            })
          } else {
            const place = { container: container.Id, path: target.path }
            await copyTo(invocation, local?.[at] ?? from, place, {
              copyUIDGID: flags.bool('archive'),
            })
          }
          progress.event(name, 'done', 'Copied', text)
        }),
      ),
    )
    return 0
  },
}

async function containersOf(
  { client, flags, project, signal }: ComposeInvocation,
  service: string,
): Promise<readonly ContainerSummary[]> {
  const { name } = await project()
  const index = flags.number('index')
  if (index > 0) return [await runningContainer(client, name, service, index, signal)]
  const found = await observe(client, name, { oneOff: flags.bool('all') }, signal)
  const containers = found.filter((container) => serviceOf(container) === service)
  if (containers.length > 0) return containers
  throw new ExitError(1, `no container found for service ${JSON.stringify(service)}`)
}

/** The same bytes for each of several readers. */
function sharedStream(
  stream: ReadableStream<Uint8Array>,
  count: number,
): readonly ReadableStream<Uint8Array>[] {
  if (count <= 1) return [stream]
  const [first, rest] = stream.tee()
  return [first, ...sharedStream(rest, count - 1)]
}
