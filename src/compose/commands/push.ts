import { canonical, parseReference } from '../../core/reference.ts'
import { atLeast, messageOf } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { drainProgress } from '../../kit/progress.ts'
import type { ComposeCommand } from '../compose-command.ts'
import { servicesAlone } from '../converge/dependency-order.ts'
import type { Session } from '../converge/session.ts'
import type { Project } from '../project.ts'

export const push: ComposeCommand = {
  usage: '[OPTIONS] [SERVICE...]',
  summary: 'Push service images',
  args: atLeast(0),
  flags: [
    flag(
      '--ignore-push-failures',
      'bool',
      'Push what it can and ignores images with push failures',
    ),
    flag('--include-deps', 'bool', 'Also push images of services declared as dependencies'),
    flag('-q, --quiet', 'bool', 'Push without printing progress information'),
  ],
  async run({ args, flags, load, withProgress }) {
    const whole = await load(args)
    const project = flags.bool('include-deps') ? whole : servicesAlone(whole, args)
    await withProgress('Pushing', (session) =>
      pushServices(session, project, Object.keys(project.services), {
        ignoreFailures: flags.bool('ignore-push-failures'),
        quiet: flags.bool('quiet'),
      }),
    )
    return 0
  },
}

/** Push what services' builds are called (pkg/compose/push.go). */
export async function pushServices(
  session: Session,
  project: Project,
  names: readonly string[],
  options: { readonly ignoreFailures?: boolean; readonly quiet?: boolean },
): Promise<void> {
  const { progress, warn } = session
  await Promise.all(
    names.map(async (name) => {
      const { build, image } = project.services[name] ?? {}
      if (!build || image === undefined) {
        if (options.quiet !== true) progress.event(name, 'done', 'Skipped')
        return
      }
      for (const tag of [image, ...(build.tags ?? [])]) {
        try {
          await pushImage(session, tag, options.quiet === true)
        } catch (error) {
          if (options.ignoreFailures !== true) throw error
          warn(`Pushing ${name}: ${messageOf(error)}`)
        }
      }
    }),
  )
}

async function pushImage(
  { client, progress, signal }: Session,
  name: string,
  quiet: boolean,
): Promise<void> {
  const { domain, path, tag = 'latest' } = parseReference(name)
  const resource = `Image ${name}`
  if (!quiet) progress.event(resource, 'working', 'Pushing')
  try {
    await drainProgress(await client.images.push(canonical({ domain, path }), tag, signal))
  } catch (error) {
    if (!quiet) progress.event(resource, 'error', 'Error')
    throw error
  }
  if (!quiet) progress.event(resource, 'done', 'Pushed')
}
