import { formatDuration } from '../../codec/go-duration.ts'
import type { Container } from '../containers/container.ts'
import { formatTime } from '../containers/time.ts'
import type { Context } from '../context.ts'
import type { Execs } from '../execs/execs.ts'
import type { HealthResult } from './health-state.ts'

/** Bytes of output that are kept (moby daemon/health.go maxOutputLen). */
const OUTPUT_MAX = 4096
const SIGKILL = 9

/** The command of a check; undefined: there is none. */
export function commandOf(container: Container): readonly string[] | undefined {
  const { Healthcheck: check, Shell: shell } = container.record.config
  const [kind, ...words] = check?.Test ?? []
  if (kind === 'CMD') return words
  if (kind === 'CMD-SHELL') return [...(shell?.length ? shell : ['/bin/sh', '-c']), ...words]
  return undefined
}

/** Output up to a limit, both streams as they come. */
class Output {
  #bytes = new Uint8Array(OUTPUT_MAX)
  #length = 0
  #cut = false

  add(bytes: Uint8Array): void {
    const taken = bytes.subarray(0, OUTPUT_MAX - this.#length)
    this.#bytes.set(taken, this.#length)
    this.#length += taken.length
    this.#cut ||= taken.length < bytes.length
  }

  get text(): string {
    const text = new TextDecoder().decode(this.#bytes.subarray(0, this.#length))
    return this.#cut ? `${text}...` : text
  }
}

/**
 * Runs the check once.
 * @param timeout milliseconds
 * @param signal aborted: the result doesn't matter any more, the process is killed
 */
export async function probe(
  context: Context,
  execs: Execs,
  container: Container,
  { timeout, signal }: { readonly timeout: number; readonly signal: AbortSignal },
): Promise<HealthResult> {
  const { clock, machine } = context
  const start = formatTime(clock.now())
  const result = (ExitCode: number, text: string): HealthResult => ({
    Start: start,
    End: formatTime(clock.now()),
    ExitCode,
    Output: text,
  })
  const output = new Output()
  try {
    const id = await execs.create(container.id, {
      stdin: false,
      stdout: true,
      stderr: true,
      tty: false,
      detachKeys: '',
      env: [],
      command: commandOf(container) ?? [],
      privileged: false,
      user: '',
      workingDir: '',
      size: [0, 0],
    })
    const exec = execs.get(id)
    const ended = new Promise<void>((end) =>
      exec.watch({ write: ({ bytes }) => output.add(bytes), end }),
    )
    await exec.start([0, 0])
    const kill = (): void => {
      machine.processes
        .signal({ container: container.id, exec: id }, SIGKILL)
        .catch(() => undefined)
    }
    signal.addEventListener('abort', kill, { once: true })
    const late = new AbortController()
    const timedOut = await Promise.race([
      ended.then(() => false),
      clock.sleep(timeout, late.signal).then(
        () => true,
        () => false,
      ),
    ])
    late.abort()
    if (timedOut) {
      kill()
      await ended
    }
    signal.removeEventListener('abort', kill)
    if (!timedOut) return result(exec.exitCode ?? -1, output.text)
    const said = output.text === '' ? '' : `: ${output.text}`
    return result(-1, `Health check exceeded timeout (${formatDuration(timeout * 1e6)})${said}`)
  } catch (error) {
    return result(-1, error instanceof Error ? error.message : String(error))
  }
}
