import { ExitError } from '../../kit/command.ts'
import { flag, type Flag } from '../../kit/flags.ts'
import { buildServices } from '../build-services.ts'
import type { ComposeInvocation } from '../compose-command.ts'
import type { ImageOptions } from '../converge/images.ts'
import type { Session } from '../converge/session.ts'
import type { Project } from '../project.ts'

export const pullFlag: Flag = flag(
  '--pull',
  'string',
  'Pull image before running ("always"|"missing"|"never")',
  { initial: 'policy' },
)

export const noBuildFlag: Flag = flag(
  '--no-build',
  'bool',
  "Don't build an image, even if it's policy",
)

const policies = ['always', 'never', 'build', 'missing', 'if_not_present']

/** Builds the images of services that have none. */
export const imageBuilder =
  (invocation: ComposeInvocation, session: Session, project: Project): ImageOptions['build'] =>
  (names) =>
    buildServices(
      invocation,
      session,
      project,
      names,
      { args: {}, noCache: false, pull: false },
      { quiet: false, progress: invocation.buildProgress },
    )

/** What `--pull`, `--build` and `--no-build` of a verb that makes containers say of their images. */
export function imageOptions(
  invocation: ComposeInvocation,
  session: Session,
  project: Project,
  noBuild = false,
): ImageOptions {
  const { flags } = invocation
  if (flags.bool('build') && noBuild)
    throw new ExitError(1, '--build and --no-build are incompatible')
  const pull = flags.given('pull')
  if (pull !== undefined && !policies.includes(pull))
    throw new ExitError(1, `invalid --pull option ${JSON.stringify(pull)}`)
  return {
    build: imageBuilder(invocation, session, project),
    builds: flags.bool('build') ? 'always' : noBuild ? 'never' : undefined,
    pull: pull === 'if_not_present' ? 'missing' : pull,
  }
}
