import { packEach } from '../../kit/pack-files.ts'
import type { CliFiles } from '../../ports/cli-host.ts'
import { runHook } from '../converge/hooks.ts'
import { observe, ofService } from '../converge/observed.ts'
import type { Session } from '../converge/session.ts'
import type { Project } from '../project.ts'
import type { Change } from './changes.ts'
import { below, type WatchRule } from './rules.ts'

/** Bring changed files into a service's running containers, and take away those that are gone. */
export async function syncFiles(
  session: Session,
  files: CliFiles,
  project: Project,
  { service, trigger }: WatchRule,
  changes: readonly Change[],
): Promise<void> {
  const { client, signal } = session
  const inContainer = (path: string): string =>
    `${trigger.target ?? ''}/${below(trigger.path, path) ?? ''}`.replace(/\/+$/, '')
  const removed = changes.filter(({ stat }) => !stat).map(({ path }) => inContainer(path))
  const present = changes.flatMap(({ path, stat }) =>
    stat ? [{ from: path, as: inContainer(path).replace(/^\/+/, ''), stat }] : [],
  )
  const running = await observe(client, project.name, { all: false }, signal)
  for (const { Id } of ofService(running, service)) {
    if (removed.length > 0)
      await runHook(session, Id, { command: ['rm', '-rf', '--', ...removed], user: '0' })
    if (present.length > 0)
      await client.containers.extract(
        Id,
        '/',
        packEach(files, present).tar,
        { copyUIDGID: true },
        signal,
      )
  }
}
