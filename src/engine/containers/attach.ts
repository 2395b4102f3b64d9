import { EngineError } from '../../core/error.ts'
import { ClientStream } from './client-stream.ts'
import type { ContainerSet } from './container-set.ts'
import type { Container } from './container.ts'
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../../codec/detach-keys.ts'
import { readLogs } from './logs.ts'

export interface AttachOptions {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** What was logged already comes first. */
  readonly logs: boolean
  /** Without it only the logs come. */
  readonly stream: boolean
  readonly detachKeys?: string
}

/** @throws EngineError `conflict` when it is paused or about to restart */
export async function attachClient(
  containers: ContainerSet,
  container: Container,
  options: AttachOptions,
  signal: AbortSignal,
): Promise<ClientStream> {
  const { Tty: tty, OpenStdin: openStdin, StdinOnce: stdinOnce } = container.record.config
  const detachKeys = detachKeysOf(options.detachKeys)
  const { status } = container.state
  if (status === 'paused') {
    throw new EngineError(
      'conflict',
      `container ${container.name} is paused, unpause the container before attach`,
    )
  }
  if (status === 'restarting') {
    throw new EngineError(
      'conflict',
      `container ${container.id} is restarting, wait until the container is running`,
    )
  }
  const client = new ClientStream(
    container.io,
    {
      tty,
      stdout: options.stdout && options.stream,
      stderr: options.stderr && options.stream,
      stdin: options.stdin && options.stream && openStdin,
      closesInput: stdinOnce && !tty,
      ...(tty ? { detachKeys } : {}),
    },
    signal,
  )
  if (options.logs && (options.stdout || options.stderr)) {
    const { stdout, stderr } = options
    const stored = readLogs(
      containers.context,
      container,
      { stdout, stderr, follow: false, timestamps: false, until: containers.context.clock.now() },
      signal,
    )
    client.replay(stored)
  }
  container.event('attach')
  if (!options.stream) client.end()
  return client
}

/** @throws EngineError `invalid-parameter` */
function detachKeysOf(keys: string | undefined): Uint8Array {
  try {
    return parseDetachKeys(keys || DEFAULT_DETACH_KEYS)
  } catch (cause) {
    throw new EngineError('invalid-parameter', `Invalid detach keys (${keys}) provided`, { cause })
  }
}
