import { goJson, goPrint } from '../../codec/go-template/print.ts'
import { noArguments, ExitError, messageOf, type Command } from '../../kit/command.ts'
import { binarySize } from '../../kit/human.ts'
import { objectTemplate } from '../../kit/object-template.ts'
import { objectFormatFlag } from '../../kit/list-format.ts'
import { CLI_VERSION } from '../version.ts'

export const info: Command = {
  usage: '[OPTIONS]',
  summary: 'Display system-wide information',
  args: noArguments,
  flags: [objectFormatFlag()],
  async run({ flags, client, out, err, signal }) {
    const format = flags.text('format')
    const show = format === '' || format === 'json' ? undefined : objectTemplate(format)
    const own = {
      Debug: false,
      Version: CLI_VERSION,
      Context: 'default',
      Plugins: [],
      Warnings: null,
    }
    const answer = await client.system.info(signal).then(
      (server) => ({ server }),
      (error: unknown) => ({ error }),
    )
    const server = 'server' in answer ? answer.server : {}
    if (show) await out.line(show({ ...server, ClientInfo: own }))
    else if (format === 'json') await out.line(goJson({ ...server, ClientInfo: own }))
    else {
      await out.write(
        `Client:\n Version:    ${CLI_VERSION}\n Context:    default\n Debug Mode: false\n\nServer:\n`,
      )
      if ('server' in answer) await out.write(`${new InfoText(server).lines().join('\n')}\n\n`)
    }
    if ('error' in answer) throw new ExitError(1, messageOf(answer.error), { cause: answer.error })
    const warnings = server['Warnings']
    if (format === '' && Array.isArray(warnings))
      for (const warning of warnings) await err.line(String(warning))
    return 0
  },
}

/** What an engine tells of itself, in Docker's order; what it doesn't have stays out. */
class InfoText {
  readonly #info: Readonly<Record<string, unknown>>

  constructor(info: Readonly<Record<string, unknown>>) {
    this.#info = info
  }

  lines(): string[] {
    return [
      this.#line(' Containers', 'Containers'),
      this.#line('  Running', 'ContainersRunning'),
      this.#line('  Paused', 'ContainersPaused'),
      this.#line('  Stopped', 'ContainersStopped'),
      this.#line(' Images', 'Images'),
      this.#line(' Server Version', 'ServerVersion'),
      this.#line(' Storage Driver', 'Driver'),
      this.#pairs('DriverStatus'),
      this.#line(' Logging Driver', 'LoggingDriver'),
      this.#line(' Cgroup Driver', 'CgroupDriver'),
      this.#line(' Cgroup Version', 'CgroupVersion'),
      this.#plugins(),
      this.#list(' CDI spec directories', 'CDISpecDirs'),
      this.#value(' Swarm', this.#object('Swarm')['LocalNodeState']),
      this.#runtimes(),
      this.#line(' Default Runtime', 'DefaultRuntime'),
      this.#line(' Init Binary', 'InitBinary'),
      this.#value(' containerd version', this.#object('ContainerdCommit')['ID']),
      this.#value(' runc version', this.#object('RuncCommit')['ID']),
      this.#value(' init version', this.#object('InitCommit')['ID']),
      this.#security(),
      this.#line(' Kernel Version', 'KernelVersion'),
      this.#line(' Operating System', 'OperatingSystem'),
      this.#line(' OSType', 'OSType'),
      this.#line(' Architecture', 'Architecture'),
      this.#line(' CPUs', 'NCPU'),
      this.#value(' Total Memory', binarySize(Number(this.#info['MemTotal'] ?? 0))),
      this.#line(' Name', 'Name'),
      this.#line(' ID', 'ID'),
      this.#line(' Docker Root Dir', 'DockerRootDir'),
      this.#line(' Debug Mode', 'Debug'),
      ...['HttpProxy', 'HttpsProxy', 'NoProxy'].map((key) =>
        (this.#info[key] ?? '') === '' ? [] : this.#line(` ${proxyNames[key] ?? key}`, key),
      ),
      this.#list(' Labels', 'Labels'),
      this.#line(' Experimental', 'ExperimentalBuild'),
      this.#registries(),
      this.#line(' Live Restore Enabled', 'LiveRestoreEnabled'),
    ].flat()
  }

  #value(title: string, value: unknown): string[] {
    return value === undefined ? [] : [`${title}: ${goPrint(value)}`]
  }

  #line(title: string, key: string): string[] {
    return this.#value(title, this.#info[key])
  }

  #list(title: string, key: string): string[] {
    const items = this.#info[key]
    return Array.isArray(items) && items.length > 0
      ? [`${title}:`, ...items.map((item) => `  ${String(item)}`)]
      : []
  }

  #object(key: string): Readonly<Record<string, unknown>> {
    const value = this.#info[key]
    return typeof value === 'object' && value !== null
      ? (value as Readonly<Record<string, unknown>>)
      : {}
  }

  #pairs(key: string): string[] {
    const pairs = this.#info[key]
    return Array.isArray(pairs)
      ? pairs.map((pair: unknown) => `  ${(pair as string[]).join(': ')}`)
      : []
  }

  #plugins(): string[] {
    const plugins = this.#object('Plugins')
    const names = (key: string): string[] => {
      const list = plugins[key]
      return Array.isArray(list) && list.length > 0 ? [`  ${key}: ${list.join(' ')}`] : []
    }
    return [
      ' Plugins:',
      names('Volume')[0] ?? '  Volume: ',
      names('Network')[0] ?? '  Network: ',
      ...names('Authorization'),
      names('Log')[0] ?? '  Log: ',
    ]
  }

  #runtimes(): string[] {
    const names = Object.keys(this.#object('Runtimes')).sort()
    return names.length > 0 ? [` Runtimes: ${names.join(' ')}`] : []
  }

  /** `name=seccomp,profile=builtin` */
  #security(): string[] {
    const options = this.#info['SecurityOptions']
    if (!Array.isArray(options) || options.length === 0) return []
    const lines = options.flatMap((option: unknown) =>
      String(option)
        .split(',')
        .map((part) => part.split('='))
        .map(([key = '', value = '']) =>
          key === 'name'
            ? `  ${value}`
            : `   ${key.slice(0, 1).toUpperCase()}${key.slice(1)}: ${value}`,
        ),
    )
    return [' Security Options:', ...lines]
  }

  #registries(): string[] {
    const config = this.#object('RegistryConfig')
    const indexes = (config['IndexConfigs'] ?? {}) as Readonly<
      Record<string, { Name?: string; Secure?: boolean }>
    >
    const insecure = Object.values(indexes)
      .filter(({ Secure }) => Secure === false)
      .map(({ Name = '' }) => Name)
    const ranges = Array.isArray(config['InsecureRegistryCIDRs'])
      ? config['InsecureRegistryCIDRs'].map(String)
      : []
    const mirrors = Array.isArray(config['Mirrors']) ? config['Mirrors'].map(String) : []
    const block = (title: string, lines: readonly string[]): string[] =>
      lines.length === 0 ? [] : [` ${title}:`, ...lines.map((line) => `  ${line}`)]
    return [
      ...block('Insecure Registries', [...insecure, ...ranges]),
      ...block('Registry Mirrors', mirrors),
    ]
  }
}

const proxyNames: Readonly<Record<string, string>> = {
  HttpProxy: 'HTTP Proxy',
  HttpsProxy: 'HTTPS Proxy',
  NoProxy: 'No Proxy',
}
