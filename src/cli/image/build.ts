import { exactly, ExitError, type Command, type Invocation } from '../../kit/command.ts'
import { pathFrom } from '../../kit/paths.ts'
import { check, findingsOf, summaryOf, violation } from './build-check.ts'
import { buildImage } from '../../kit/build/build-image.ts'
import { checkSyntax } from '../../kit/build/check-syntax.ts'
import { findInputs, type BuildInputs } from '../../kit/build/inputs.ts'
import { buildFlags } from './build-flags.ts'
import { parseOutputs, writeOutputs, type BuildOutput } from './build-output.ts'
import { buildQuery, contextsOf, environmentPairs, secretsOf } from './build-query.ts'

export const build: Command = {
  usage: '[OPTIONS] PATH | URL | -',
  summary: 'Build an image from a Dockerfile',
  description: 'Start a build',
  args: exactly(1),
  flags: buildFlags,
  async run(invocation) {
    const { flags, args, host } = invocation
    const inputs = await findInputs(host, args[0] ?? '', flags.given('file'))
    const buildArgs = buildArgsOf(invocation)
    if (flags.bool('check') || flags.text('call') === 'check') {
      return check(invocation, inputs, buildArgs)
    }
    refuse(invocation)
    const outputs = parseOutputs(invocation, flags.list('output'))
    checkSyntax(inputs)
    return new Build(invocation, inputs, buildArgs, outputs).run()
  },
}

/** Flags that need what Drydock doesn't have. */
function refuse({ flags }: Invocation): void {
  if (flags.bool('push')) throw new ExitError(1, 'ERROR: Drydock can not push what it builds yet')
  if (flags.list('ssh').length > 0)
    throw new ExitError(1, 'ERROR: Drydock has no SSH agent for --ssh')
  const { allow } = { allow: flags.list('allow') }
  if (allow.length > 0) throw new ExitError(1, `ERROR: Drydock can not allow ${allow.join(', ')}`)
  const call = flags.text('call')
  if (!['build', ''].includes(call)) throw new ExitError(1, `ERROR: unknown --call ${call}`)
  if (flags.list('cache-to').length > 0) {
    throw new ExitError(1, 'ERROR: Drydock can not export its build cache')
  }
}

function buildArgsOf(invocation: Invocation): Record<string, string> {
  const given = environmentPairs(invocation, 'build-arg')
  const epoch = invocation.host.env['SOURCE_DATE_EPOCH']
  return epoch === undefined ? given : { SOURCE_DATE_EPOCH: epoch, ...given }
}

class Build {
  readonly #invocation: Invocation
  readonly #inputs: BuildInputs
  readonly #buildArgs: Readonly<Record<string, string>>
  readonly #outputs: readonly BuildOutput[]
  #image = ''
  #names: readonly string[] = []

  constructor(
    invocation: Invocation,
    inputs: BuildInputs,
    buildArgs: Readonly<Record<string, string>>,
    outputs: readonly BuildOutput[],
  ) {
    this.#invocation = invocation
    this.#inputs = inputs
    this.#buildArgs = buildArgs
    this.#outputs = outputs
  }

  async run(): Promise<number> {
    const { flags, host, out, err } = this.#invocation
    const quiet = flags.bool('quiet')
    const findings = findingsOf(this.#inputs, this.#buildArgs)
    const violated = violation(this.#inputs.dockerfile ?? '', findings)
    if (violated !== '') {
      if (!quiet) await err.write(summaryOf(findings))
      throw new ExitError(1, `ERROR: failed to build: failed to solve: ${violated}`)
    }
    const { image, names, failure } = await buildImage(this.#invocation, {
      inputs: this.#inputs,
      parts: {
        contexts: contextsOf(this.#invocation).local,
        secrets: await secretsOf(this.#invocation),
      },
      query: (context) => buildQuery(this.#invocation, context, this.#buildArgs),
      quiet,
      progress: flags.given('progress') ?? host.env['BUILDKIT_PROGRESS'] ?? 'auto',
    })
    if (!quiet) await err.write(summaryOf(findings))
    if (failure !== undefined) throw new ExitError(1, failure)
    this.#image = image
    this.#names = names
    if (quiet) await out.line(image)
    await this.#writeFile(flags.given('iidfile'), image)
    await this.#writeMetadata()
    await writeOutputs(this.#invocation, this.#outputs, image, names)
    return 0
  }

  async #writeMetadata(): Promise<void> {
    const path = this.#invocation.flags.given('metadata-file')
    const metadata = {
      'buildx.build.ref': `default/default/${crypto.randomUUID().replaceAll('-', '').slice(0, 25)}`,
      'containerimage.config.digest': this.#image,
      'containerimage.digest': this.#image,
      ...(this.#names.length > 0 ? { 'image.name': this.#names.map(inFull).join() } : {}),
    }
    await this.#writeFile(path, JSON.stringify(metadata, null, 2))
  }

  async #writeFile(path: string | undefined, text: string): Promise<void> {
    if (path === undefined || path === '') return
    const { host } = this.#invocation
    await host.files.write(pathFrom(host, path), new Blob([text]).stream(), {
      mode: 0o644,
      exclusive: false,
    })
  }
}

/** `t:1` → `docker.io/library/t:1` */
const inFull = (name: string): string => {
  const [first = ''] = name.split('/')
  if (!name.includes('/')) return `docker.io/library/${name}`
  return /[.:]/.test(first) || first === 'localhost' ? name : `docker.io/${name}`
}
