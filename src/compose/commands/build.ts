import { atLeast } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { buildServices } from '../build-services.ts'
import type { ComposeCommand } from '../compose-command.ts'
import { pushServices } from './push.ts'

export const build: ComposeCommand = {
  usage: '[OPTIONS] [SERVICE...]',
  summary: 'Build or rebuild services',
  args: atLeast(0),
  flags: [
    flag('--build-arg', 'list', 'Set build-time variables for services'),
    flag('--no-cache', 'bool', 'Do not use cache when building the image'),
    flag('--pull', 'bool', 'Always attempt to pull a newer version of the image'),
    flag('--push', 'bool', 'Push service images'),
    flag('-q, --quiet', 'bool', 'Suppress the build output'),
    flag('--with-dependencies', 'bool', 'Also build dependencies (transitively)'),
  ],
  async run(invocation) {
    const { args, buildProgress, flags, load, withProgress } = invocation
    const project = await load(args)
    const all = args.length === 0 || flags.bool('with-dependencies')
    const names = all ? Object.keys(project.services) : args
    const options = {
      args: Object.fromEntries(flags.list('build-arg').map(argument)),
      noCache: flags.bool('no-cache'),
      pull: flags.bool('pull'),
    }
    const display = { quiet: flags.bool('quiet'), progress: buildProgress }
    await withProgress('Building', async (session) => {
      await buildServices(invocation, session, project, names, options, display)
      if (flags.bool('push')) await pushServices(session, project, names, {})
    })
    return 0
  },
}

function argument(text: string): readonly [string, string | null] {
  const at = text.indexOf('=')
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)]
}
