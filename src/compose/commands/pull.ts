import { atLeast, ExitError, messageOf } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import type { ComposeCommand } from '../compose-command.ts'
import { servicesAlone } from '../converge/dependency-order.ts'
import { inspectImage, pullService } from '../converge/images.ts'
import type { Session } from '../converge/session.ts'
import type { Project } from '../project.ts'
import type { ServiceConfig } from '../service.ts'

export const pull: ComposeCommand = {
  usage: '[OPTIONS] [SERVICE...]',
  summary: 'Pull service images',
  args: atLeast(0),
  flags: [
    flag('--ignore-buildable', 'bool', 'Ignore images that can be built'),
    flag(
      '--ignore-pull-failures',
      'bool',
      'Pull what it can and ignores images with pull failures',
    ),
    flag('--include-deps', 'bool', 'Also pull services declared as dependencies'),
    flag('--policy', 'string', 'Apply pull policy ("missing"|"always")'),
    // Of layers nothing is told anyway.
    flag('-q, --quiet', 'bool', 'Pull without printing progress information'),
  ],
  async run({ args, err, flags, load, withProgress }) {
    const whole = await load(args)
    const project = flags.bool('include-deps') ? whole : servicesAlone(whole, args)
    const failures = await withProgress('Pulling', (session) =>
      pullAll(session, project, {
        policy: flags.given('policy'),
        ignoreBuildable: flags.bool('ignore-buildable'),
      }),
    )
    const buildable = failures.filter(({ service }) => service.build)
    if (buildable.length > 0) {
      const names = buildable.map(({ name }) => name).join(' ')
      await err.line(
        `WARNING: Some service image(s) must be built from source by running:\n    docker compose build ${names}`,
      )
    }
    if (failures.length === 0 || flags.bool('ignore-pull-failures')) return 0
    throw new ExitError(1, failures.map(({ error }) => messageOf(error)).join('\n'))
  },
}

interface PullFailure {
  readonly name: string
  readonly service: ServiceConfig
  readonly error: unknown
}

/** Each image once (pkg/compose/pull.go). @returns what could not be pulled */
async function pullAll(
  session: Session,
  project: Project,
  options: { readonly policy: string | undefined; readonly ignoreBuildable: boolean },
): Promise<readonly PullFailure[]> {
  const { progress, signal } = session
  const skip = (name: string, why: string): void =>
    progress.event(name, 'done', why === '' ? 'Skipped' : `Skipped - ${why}`)
  const begun = new Map<string, string>()
  const pulls: Promise<PullFailure | undefined>[] = []
  for (const [name, service] of Object.entries(project.services)) {
    const { image, build } = service
    const policy = image === undefined ? undefined : (options.policy ?? service.pull_policy)
    if (image === undefined) skip(name, 'No image to be pulled')
    else if (policy === 'never' || policy === 'build') skip(name, '')
    else if (policy === 'missing' && (await isPresent(session, image)))
      skip(name, 'Image is already present locally')
    else if (build && options.ignoreBuildable) skip(name, 'Image can be built')
    else if (begun.has(image))
      skip(name, `Image is already being pulled by ${begun.get(image) ?? ''}`)
    else {
      begun.set(image, name)
      pulls.push(
        pullService(session, project, name, service).then(
          () => undefined,
          (error: unknown) => ({ name, service, error }),
        ),
      )
    }
  }
  const failures = (await Promise.all(pulls)).filter((failure) => failure !== undefined)
  signal.throwIfAborted()
  return failures
}

/** What is called `latest` may be another there by now. */
const isPresent = async (session: Session, image: string): Promise<boolean> =>
  !/(?:^|\/)[^:@]*(?::latest)?$/.test(image) && (await inspectImage(session, image)) !== undefined
