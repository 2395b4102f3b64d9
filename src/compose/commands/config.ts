import { atLeast, ExitError } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { pathFrom } from '../../kit/paths.ts'
import type { ComposeCommand, ComposeInvocation } from '../compose-command.ts'
import { imageName } from '../image-name.ts'
import type { Project } from '../project.ts'
import { projectJson, projectYaml, serviceHash } from '../render.ts'

export const config: ComposeCommand = {
  usage: '[OPTIONS] [SERVICE...]',
  summary: 'Parse, resolve and render compose file in canonical format',
  args: atLeast(0),
  flags: [
    flag('--environment', 'bool', 'Print environment used for interpolation.'),
    flag('--format', 'string', 'Format the output. Values: [yaml | json]'),
    flag('--hash', 'string', 'Print the service config hash, one per line.'),
    flag('--images', 'bool', 'Print the image names, one per line.'),
    flag('--models', 'bool', 'Print the model names, one per line.'),
    flag('--networks', 'bool', 'Print the network names, one per line.'),
    flag(
      '--no-consistency',
      'bool',
      "Don't check model consistency - warning: may produce invalid Compose output",
    ),
    flag('--no-normalize', 'bool', "Don't normalize compose model"),
    flag('-o, --output', 'string', 'Save to file (default to stdout)'),
    flag('--profiles', 'bool', 'Print the profile names, one per line.'),
    flag('-q, --quiet', 'bool', "Only validate the configuration, don't print anything"),
    flag('--services', 'bool', 'Print the service names, one per line.'),
    flag('--volumes', 'bool', 'Print the volume names, one per line.'),
  ],
  async run(invocation) {
    const { args, flags, load, out } = invocation
    const choices = {
      checkConsistency: !flags.bool('no-consistency'),
      normalize: !flags.bool('no-normalize'),
    }
    const unresolved = { ...choices, resolveEnvironment: false }
    const asked = wholeLists.find(([name]) => flags.bool(name))
    if (asked) await printLines(invocation, asked[1](await load([], unresolved)))
    else if (flags.text('hash') !== '')
      await printHashes(invocation, await load([], unresolved), flags.text('hash'))
    else if (flags.bool('profiles'))
      await printLines(invocation, profilesOf(await load(args, unresolved)))
    else if (flags.bool('images'))
      await printLines(invocation, imagesOf(await load(args, unresolved)))
    else {
      const project = await load(args, choices)
      if (flags.bool('environment')) await printLines(invocation, environmentOf(project))
      else {
        const text = rendered(project, flags.text('format'))
        if (flags.bool('quiet')) return 0
        if (flags.text('output') === '') await out.write(text)
        else await save(invocation, text)
      }
    }
    return 0
  },
}

/** Lists of the whole project, whatever services are named; the first that is asked for is printed. */
const wholeLists: readonly (readonly [string, (project: Project) => readonly string[]])[] = [
  ['services', (project) => inOrder(project)],
  ['volumes', ({ volumes }) => Object.keys(volumes).toSorted()],
  ['networks', ({ networks }) => Object.keys(networks).toSorted()],
  [
    'models',
    ({ models }) =>
      Object.values(models).flatMap(({ model = '' }) => (model === '' ? [] : [model])),
  ],
]

/** Services behind those they depend on. */
function inOrder({ services }: Project): readonly string[] {
  const names = new Set<string>()
  const visiting = new Set<string>()
  const visit = (name: string): void => {
    const service = services[name]
    if (!service || visiting.has(name)) return
    visiting.add(name)
    for (const other of Object.keys(service.depends_on ?? {}).toSorted()) visit(other)
    names.add(name)
  }
  for (const name of Object.keys(services)) visit(name)
  return [...names]
}

const profilesOf = ({ services, disabledServices }: Project): readonly string[] => {
  const all = [...Object.values(services), ...Object.values(disabledServices)]
  return [...new Set(all.flatMap(({ profiles = [] }) => profiles))].toSorted()
}

const imagesOf = (project: Project): readonly string[] =>
  Object.entries(project.services).map(([name, service]) => imageName(project, name, service))

const environmentOf = ({ environment }: Project): readonly string[] =>
  Object.entries(environment)
    .map(([name, value]) => `${name}=${value}`)
    .toSorted()

const printLines = ({ out }: ComposeInvocation, lines: readonly string[]): Promise<void> =>
  out.write(lines.map((line) => `${line}\n`).join(''))

/** @param asked names with commas between, or `*` */
async function printHashes(
  { out }: ComposeInvocation,
  { services, disabledServices }: Project,
  asked: string,
): Promise<void> {
  const names = asked === '*' ? Object.keys(services) : asked.split(',')
  for (const name of names.toSorted()) {
    const service = services[name]
    if (!service) {
      const reason = name in disabledServices ? 'disabled' : 'not found'
      throw new ExitError(1, `no such service: ${name}: ${reason}`)
    }
    await out.line(`${name} ${await serviceHash(service)}`)
  }
}

function rendered(project: Project, format: string): string {
  if (format === 'json') return projectJson(project)
  if (format === 'yaml' || format === '') return projectYaml(project)
  throw new ExitError(1, `unsupported format ${JSON.stringify(format)}`)
}

async function save({ flags, host }: ComposeInvocation, text: string): Promise<void> {
  const path = pathFrom(host, flags.text('output'))
  await host.files.write(path, new Blob([text]).stream(), { mode: 0o666, exclusive: false })
}
