import { setMaxListeners } from 'node:events'
import { parseArgs } from 'node:util'
import { ClientError } from '../../client/client-error.ts'
import { EngineError } from '../../core/error.ts'
import { buildInfo } from '../build-info.ts'
import { defaultDataFolder } from './data-folder.ts'
import { runDocker } from './docker.ts'
import { engineSocket } from './engine-socket.ts'
import { startHeadless } from './headless.ts'
import type { Address } from './listen.ts'
import { printDiagnostics } from './print-diagnostics.ts'
import { serve } from './serve.ts'
import { servePlayground } from './serve-playground.ts'
import { ensureRootPack } from './root-pack-files.ts'
import { ensureSnapshot } from './snapshot-files.ts'
import { answers } from './unix-socket.ts'

const USAGE = `Drydock, a container engine without a host kernel

Usage:
  drydock serve [--socket PATH | --tcp 127.0.0.1:PORT] [--data DIR]
                                 the Docker Engine API, until it is interrupted
  drydock docker COMMAND …       our docker client: for DOCKER_HOST, for the engine that
                                 serves the default folder, or with one of its own
  drydock playground [--port N]  the page, on a loopback port (5173)
  drydock snapshot               boot the guest and store its snapshot, and what the page reads
                                 first of its root, when there is none of them
  drydock diagnostics [--host ADDRESS]
                                 log, stage timings and kernel log of a running engine
  drydock --version
`

class UsageError extends Error {}

async function main(argv: readonly string[]): Promise<number> {
  const [command, ...rest] = argv
  switch (command) {
    case 'serve': {
      const { values } = options(rest, { socket: 'string', tcp: 'string', data: 'string' })
      const data = values['data'] ?? defaultDataFolder()
      await serve(addressOf(values['socket'], values['tcp'], data), data)
      return 0
    }
    case 'docker':
      return docker(rest)
    case 'playground': {
      const { values } = options(rest, { port: 'string' })
      await servePlayground(portOf(values['port'] ?? '5173'))
      return 0
    }
    case 'snapshot':
      options(rest, {})
      await ensureSnapshot()
      await ensureRootPack()
      return 0
    case 'diagnostics': {
      const { values } = options(rest, { host: 'string' })
      await printDiagnostics(values['host'] ?? process.env['DOCKER_HOST'] ?? defaultAddress())
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
  await using headless = await startHeadless({ data: defaultDataFolder() })
  return await runDocker(argv, headless.handler)
}

function options(
  args: readonly string[],
  known: Readonly<Record<string, 'string'>>,
): { values: Readonly<Record<string, string | undefined>> } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: Object.fromEntries(Object.entries(known).map(([name, type]) => [name, { type }])),
    })
    return { values }
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
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
