import type { DockerClient } from '../client/client.ts'
import type { LogOptions } from '../client/containers.ts'
import { stdcopyDecoder } from '../codec/stdcopy.ts'
import { LineSplitter, type LogOutput } from './log-output.ts'

/** Copy a container's log, line by line; ends with the log, which goes on while the container runs when it is followed. */
export async function copyLog(
  client: DockerClient,
  container: { readonly id: string; readonly name: string },
  options: LogOptions,
  output: LogOutput,
  signal: AbortSignal,
): Promise<void> {
  const { Config } = await client.containers.inspect(container.id, signal)
  const body = await client.containers.logs(container.id, options, signal)
  const splitters = { stdout: new LineSplitter(), stderr: new LineSplitter() }
  const tell = async (lines: readonly string[], stream: 'stdout' | 'stderr'): Promise<void> => {
    for (const line of lines) await output.line(container.name, line, stream)
  }
  if (Config.Tty === true)
    for await (const bytes of body) await tell(splitters.stdout.push(bytes), 'stdout')
  else {
    for await (const { stream, bytes } of body.pipeThrough(stdcopyDecoder())) {
      if (stream === 'systemerr')
        throw new Error(`error from daemon in stream: ${new TextDecoder().decode(bytes)}`)
      const name = stream === 'stderr' ? 'stderr' : 'stdout'
      await tell(splitters[name].push(bytes), name)
    }
  }
  await tell(splitters.stdout.end(), 'stdout')
  await tell(splitters.stderr.end(), 'stderr')
}
