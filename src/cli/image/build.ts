import { streamOf } from '../../client/api-client.ts'
import { exactly, ExitError, messageOf, type Command, type Invocation } from '../command.ts'
import { checkEnv, checkLabel, checkUlimit, parseUlimit } from '../container/create-values.ts'
import { mapOf } from '../container/key-values.ts'
import { flag, type Flag } from '../flags.ts'
import { humanSize } from '../human.ts'
import { pathFrom } from '../paths.ts'
import { buildContext } from './build-context.ts'
import { reference } from './pull.ts'
import { drainProgress, showProgress } from './progress.ts'

/** BuildKit's, which ask for what happens here anyway. */
const buildkitFlags: readonly Flag[] = [
  flag('--progress', 'string', 'Set type of progress output', { hidden: true }),
  flag('--load', 'bool', 'Load the image into the engine', { hidden: true }),
]

export const build: Command = {
  usage: '[OPTIONS] PATH | URL | -',
  summary: 'Build an image from a Dockerfile',
  args: exactly(1),
  flags: [
    flag('--add-host', 'list', 'Add a custom host-to-IP mapping ("host:ip")'),
    flag('--build-arg', 'list', 'Set build-time variables', { check: checkEnv }),
    flag('--cache-from', 'strings', 'Images to consider as cache sources'),
    flag(
      '--cgroup-parent',
      'string',
      'Set the parent cgroup for the "RUN" instructions during build',
    ),
    flag('--compress', 'bool', 'Compress the build context using gzip'),
    flag('--cpu-period', 'int', 'Limit the CPU CFS (Completely Fair Scheduler) period'),
    flag('--cpu-quota', 'int', 'Limit the CPU CFS (Completely Fair Scheduler) quota'),
    flag('-c, --cpu-shares', 'int', 'CPU shares (relative weight)'),
    flag('--cpuset-cpus', 'string', 'CPUs in which to allow execution (0-3, 0,1)'),
    flag('--cpuset-mems', 'string', 'MEMs in which to allow execution (0-3, 0,1)'),
    flag('--disable-content-trust', 'bool', 'Skip image verification', { initial: 'true' }),
    flag('-f, --file', 'string', 'Name of the Dockerfile (Default is "PATH/Dockerfile")'),
    flag('--force-rm', 'bool', 'Always remove intermediate containers'),
    flag('--iidfile', 'string', 'Write the image ID to the file'),
    flag('--isolation', 'string', 'Container isolation technology'),
    flag('--label', 'list', 'Set metadata for an image', { check: checkLabel }),
    flag('-m, --memory', 'bytes', 'Memory limit'),
    flag(
      '--memory-swap',
      'bytes',
      'Swap limit equal to memory plus swap: -1 to enable unlimited swap',
    ),
    flag('--network', 'string', 'Set the networking mode for the RUN instructions during build', {
      initial: 'default',
    }),
    flag('--no-cache', 'bool', 'Do not use cache when building the image'),
    flag('--platform', 'string', 'Set platform if server is multi-platform capable'),
    flag('--pull', 'bool', 'Always attempt to pull a newer version of the image'),
    flag('-q, --quiet', 'bool', 'Suppress the build output and print image ID on success'),
    flag('--rm', 'bool', 'Remove intermediate containers after a successful build', {
      initial: 'true',
    }),
    flag('--security-opt', 'strings', 'Security options'),
    flag('--shm-size', 'bytes', 'Size of "/dev/shm"'),
    flag('--squash', 'bool', 'Squash newly built layers into a single new layer', { hidden: true }),
    flag('-t, --tag', 'list', 'Name and optionally a tag in the "name:tag" format', {
      check: checkTag,
    }),
    flag('--target', 'string', 'Set the target build stage to build.'),
    flag('--ulimit', 'ulimit', 'Ulimit options', { shownInitial: '[]', check: checkUlimit }),
    ...buildkitFlags,
  ],
  async run(invocation) {
    const { flags, args, client, host, out, signal } = invocation
    const quiet = flags.bool('quiet')
    const context = await buildContext(host, args[0] ?? '', flags.text('file'))
    const { body, size } = context
    const messages = await client.images.build(
      { ...query(invocation), dockerfile: context.dockerfile, remote: context.remote },
      body,
      signal,
    )
    if (!quiet && size)
      await out.line(`Sending build context to Docker daemon  ${humanSize(size(), 4)}`)
    let id = ''
    const onAux = (aux: unknown): void => {
      if (typeof aux === 'object' && aux !== null && 'ID' in aux && typeof aux.ID === 'string')
        id = aux.ID
    }
    if (quiet) {
      const said = await drainProgress(messages, onAux)
      await out.line(id === '' ? said.trim() : id)
    } else await showProgress(messages, { output: out, isTerminal: host.tty[1], host, onAux })
    const file = flags.text('iidfile')
    if (file !== '') {
      if (id === '')
        throw new ExitError(1, `server did not provide an image ID. Cannot write ${file}`)
      const content = streamOf(new TextEncoder().encode(id))
      await host.files.write(pathFrom(host, file), content, { mode: 0o666, exclusive: false })
    }
    return 0
  },
}

function checkTag(value: string): string {
  try {
    reference(value)
  } catch (cause) {
    throw new Error(messageOf(cause), { cause })
  }
  return value
}

/** As Docker's client sends it: lists and maps as JSON, nothing for what wasn't given. */
function query({
  flags,
  host,
}: Invocation): Record<string, string | boolean | readonly string[] | undefined> {
  const json = (name: string, value: (items: readonly string[]) => unknown): string | undefined =>
    flags.has(name) ? JSON.stringify(value(flags.list(name))) : undefined
  const number = (name: string): string | undefined =>
    flags.has(name) ? String(flags.number(name)) : undefined
  const network = flags.text('network')
  return {
    t: flags.list('tag'),
    version: '1',
    buildargs: json('build-arg', (pairs) => argumentsOf(pairs, host.env)),
    cachefrom: json('cache-from', (images) => images),
    cgroupparent: flags.given('cgroup-parent'),
    cpuperiod: number('cpu-period'),
    cpuquota: number('cpu-quota'),
    cpushares: number('cpu-shares'),
    cpusetcpus: flags.given('cpuset-cpus'),
    cpusetmems: flags.given('cpuset-mems'),
    extrahosts: json('add-host', (hosts) => hosts.map((entry) => entry.replace('=', ':'))),
    forcerm: flags.bool('force-rm'),
    labels: json('label', mapOf),
    memory: number('memory'),
    memswap: number('memory-swap'),
    networkmode: network === 'default' ? undefined : network,
    nocache: flags.bool('no-cache'),
    platform: flags.given('platform'),
    pull: flags.bool('pull'),
    q: flags.bool('quiet'),
    ...(!flags.bool('rm') && { rm: '0' }),
    securityopt: json('security-opt', (options) => options),
    shmsize: number('shm-size'),
    squash: flags.bool('squash'),
    target: flags.given('target'),
    ulimits: json('ulimit', (limits) => limits.map(parseUlimit)),
  }
}

/** A name alone takes its value from the environment; null tells that there is none. */
const argumentsOf = (
  pairs: readonly string[],
  env: Readonly<Record<string, string>>,
): Record<string, string | null> =>
  Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=')
      return equals < 0
        ? [pair, env[pair] ?? null]
        : [pair.slice(0, equals), pair.slice(equals + 1)]
    }),
  )
