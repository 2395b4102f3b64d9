import { setMaxListeners } from 'node:events'
import { parseArgs } from 'node:util'
import { ClientError } from '../../client/client-error.ts'
import { EngineError } from '../../core/error.ts'
import { buildInfo } from '../build-info.ts'
import { defaultDataFolder } from './data-folder.ts'
import { Resources } from '../../core/resources.ts'
import { runDocker } from './docker.ts'
import { directEgress } from './egress-options.ts'
import { engineSocket } from './engine-socket.ts'
import { exportToFile, importFromFile } from './export-playground.ts'
import { startHeadless } from './headless.ts'
import type { Address } from './listen.ts'
import { printDiagnostics } from './print-diagnostics.ts'
import { serve } from './serve.ts'
import { servePlayground } from './serve-playground.ts'
import { ensureRootPack } from './root-pack-files.ts'
import { serveRelay } from './serve-relay.ts'
import { ensureSnapshot } from './snapshot-files.ts'
import { answers } from './unix-socket.ts'

const USAGE = `Drydock, a container engine without a host kernel

Usage:
  drydock serve [--socket PATH | --tcp 127.0.0.1:PORT] [--data DIR] [--share DIR]...
                [--egress direct|none] [--allow LIST] [--only LIST]
                                 the Docker Engine API, until it is interrupted. Containers may
                                 mount what is in the shared directories, and reach the Internet by
                                 TCP from this machine. Private and local addresses are closed, but
                                 for those of --allow (localhost:5000,10.0.0.0/8); with --only
                                 nothing else is open
  drydock docker COMMAND …       our docker client: for DOCKER_HOST, for the engine that
                                 serves the default folder, or with one of its own
  drydock playground [--port N] [--egress direct|none] [--allow LIST] [--only LIST]
                                 the page, on a loopback port (5173), with a relay by which its
                                 containers reach the Internet under the same rules
  drydock export [--data DIR] FILE
                                 the whole playground into one file, also while it is served
  drydock import [--data DIR] [--force] FILE
                                 and back: in the place of what is there, with --force
  drydock relay --origin LIST [--port N] [--allow LIST] [--only LIST]
                                 a relay for a page that is served elsewhere, on a loopback port
                                 (5180); its token is DRYDOCK_RELAY_TOKEN, or a new one
  drydock snapshot               boot the guest and store its snapshot, and what the page reads
                                 first of its root, when there is none of them
  drydock diagnostics [--host ADDRESS]
                                 log, stage timings and kernel log of a running engine
  drydock --version
`

type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>

const text = { type: 'string' } as const
function originsOf(text = ''): string[] {
  const origins = text.split(',').filter((origin) => origin !== '')
  const wrong = origins.find((origin) => !/^https?:\/\/[^/]+$/.test(origin))
  if (wrong !== undefined || origins.length === 0) {
    throw new UsageError('--origin takes the pages that may use the relay: https://site.example')
  }
  return origins
}

const egressFlags = { egress: text, allow: text, only: text } as const

class UsageError extends Error {}

async function main(argv: readonly string[]): Promise<number> {
  const [command, ...rest] = argv
  switch (command) {
    case 'serve': {
      const values = options(rest, {
        socket: text,
        tcp: text,
        data: text,
        share: { ...text, multiple: true },
        ...egressFlags,
      })
      const data = values.data ?? defaultDataFolder()
      const egress = readable(() => directEgress(values)) ?? null
      const address = addressOf(values.socket, values.tcp, data)
      await serve(address, { data, share: values.share ?? [], egress })
      return 0
    }
    case 'docker':
      return docker(rest)
    case 'playground': {
      const values = options(rest, { port: text, ...egressFlags })
      const port = portOf(values.port ?? '5173')
      readable(() => directEgress(values))
      await servePlayground(port, values)
      return 0
    }
    case 'export': {
      const { flags, file } = lastOf(rest)
      const bytes = await exportToFile(
        options(flags, { data: text }).data ?? defaultDataFolder(),
        file,
      )
      console.log(`drydock: exported ${(bytes / 1e6).toFixed(1)} MB to ${file}`)
      return 0
    }
    case 'import': {
      const { flags, file } = lastOf(rest)
      const values = options(flags, { data: text, force: { type: 'boolean' } })
      const data = values.data ?? defaultDataFolder()
      await importFromFile(data, file, { force: values.force === true })
      console.log(`drydock: imported ${file} into ${data}`)
      return 0
    }
    case 'relay': {
      const values = options(rest, { port: text, origin: text, ...egressFlags })
      const origins = originsOf(values.origin)
      readable(() => directEgress(values))
      await serveRelay(portOf(values.port ?? '5180'), origins, values)
      return 0
    }
    case 'snapshot':
      options(rest, {})
      await ensureSnapshot()
      await ensureRootPack()
      return 0
    case 'diagnostics': {
      const { host } = options(rest, { host: text })
      await printDiagnostics(host ?? process.env['DOCKER_HOST'] ?? defaultAddress())
      return 0
    }
    case '--version':
      console.log(`Drydock version ${buildInfo.version}, build ${buildInfo.gitCommit}`)
      return 0
    case undefined:
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(USAGE)
      return 0
    default:
      throw new UsageError(`drydock: '${command}' is not a drydock command`)
  }
}

/** Our CLI for DOCKER_HOST, else for the engine that serves the default folder, else for one of its own. */
async function docker(argv: readonly string[]): Promise<number> {
  if (process.env['DOCKER_HOST']) return runDocker(argv)
  const socket = `${defaultDataFolder()}/docker.sock`
  if (await answers(socket)) return runDocker(argv, engineSocket(`unix://${socket}`))
  let own: ReturnType<typeof startHeadless> | undefined
  await using started = new Resources()
  started.defer(async () => {
    // Whoever asked has heard why it could not start.
    const engine = await own?.catch(() => undefined)
    await engine?.[Symbol.asyncDispose]()
  })
  // Started when it is asked: `--host` may name another, and help needs none.
  return await runDocker(argv, async (request) => {
    own ??= startHeadless({ data: defaultDataFolder() })
    return (await own).handler(request)
  })
}

/** Flags; what can't be read is told with the usage. */
function options<const T extends Options>(
  args: readonly string[],
  known: T,
): ReturnType<typeof parseArgs<{ options: T }>>['values'] {
  try {
    return parseArgs({ args: [...args], options: known }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/** A command's last word. */
function lastOf(args: readonly string[]): {
  readonly flags: readonly string[]
  readonly file: string
} {
  const file = args.at(-1)
  if (file === undefined || file.startsWith('-'))
    throw new UsageError('Give a FILE behind the flags')
  return { flags: args.slice(0, -1), file }
}

const defaultAddress = (): string => `unix://${defaultDataFolder()}/docker.sock`

function addressOf(socket: string | undefined, tcp: string | undefined, data: string): Address {
  if (socket !== undefined && tcp !== undefined)
    throw new UsageError('Give --socket or --tcp, not both')
  if (tcp === undefined) return { path: socket ?? `${data}/docker.sock` }
  const [, host, port] = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\]):(\d+)$/.exec(tcp) ?? []
  if (host === undefined || port === undefined) {
    // Whoever reaches the API owns every container; there is no TLS here.
    throw new UsageError('--tcp takes a loopback address and a port, such as 127.0.0.1:2375')
  }
  return { host: host.replace(/^\[|\]$/g, ''), port: portOf(port) }
}

/** What was typed can't be read: that is told with the usage. */
function readable<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message)
    throw error
  }
}

function portOf(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw new UsageError(`'${text}' is not a port`)
  return port
}

/** The system's refusal: a full disk, a folder that can't be written. A fault of ours keeps its stack. */
const isSystem = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'syscall' in error

// Each request and each process of a guest listens for the end of what it belongs to: more than Node's ten are no leak.
setMaxListeners(0)

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`${error.message}\n\n${USAGE}`)
    process.exitCode = 125
  } else if (error instanceof EngineError || error instanceof ClientError || isSystem(error)) {
    console.error(`drydock: ${error.message}`)
    process.exitCode = 1
  } else throw error
}
