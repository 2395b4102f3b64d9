import { atLeast, ExitError } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import type { ComposeCommand } from '../compose-command.ts'
import { apply } from '../converge/apply.ts'
import { servicesAlone } from '../converge/dependency-order.ts'
import { start } from '../converge/start.ts'
import { imageBuilder } from './image-options.ts'
import { scaled } from './up.ts'

export const scale: ComposeCommand = {
  usage: '[SERVICE=REPLICAS...]',
  summary: 'Scale services ',
  args: atLeast(1),
  flags: [flag('--no-deps', 'bool', "Don't start linked services")],
  async run(invocation) {
    const { args, flags, load, withProgress } = invocation
    const services = args.map(serviceOf).toSorted()
    const whole = await load(services)
    const chosen = flags.bool('no-deps') ? servicesAlone(whole, services) : whole
    const target = scaled(chosen, args)
    await withProgress('Running', async (session) => {
      await apply(session, target, {
        images: { build: imageBuilder(invocation, session, target) },
        services,
        recreate: 'diverged',
        recreateDependencies: 'diverged',
        inherit: false,
        removeOrphans: false,
        ignoreOrphans: false,
        replaceDivergedVolumes: false,
        known: [...Object.keys(whole.services), ...Object.keys(whole.disabledServices)],
      })
      await start(session, target, { wait: false })
    })
    return 0
  },
}

/** `web` of `web=3`. */
function serviceOf(text: string): string {
  const [, name, count] = /^([^=]+)=(.+)$/s.exec(text) ?? []
  if (name === undefined || count === undefined)
    throw new ExitError(1, `invalid scale specifier: ${text}`)
  if (!/^[-+]?\d+$/.test(count))
    throw new ExitError(1, `invalid scale specifier: can't parse replica value as int: ${text}`)
  return name
}
