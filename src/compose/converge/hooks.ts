import type { ServiceHook } from '../service.ts'
import { environmentList } from './container-create.ts'
import type { Session } from './session.ts'

/** Run a command of `post_start` or `pre_stop` in a container. @throws Error when it fails */
export async function runHook(
  { client, signal }: Session,
  container: string,
  hook: ServiceHook,
): Promise<void> {
  const { Id } = await client.execs.create(
    container,
    {
      AttachStdin: false,
      AttachStdout: true,
      AttachStderr: true,
      Tty: false,
      DetachKeys: '',
      Cmd: hook.command ?? [],
      Env: environmentList(hook.environment ?? {}),
      Privileged: hook.privileged === true,
      User: hook.user ?? '',
      WorkingDir: hook.working_dir ?? '',
    },
    signal,
  )
  const { connection } = await client.execs.start(Id, { tty: false }, signal)
  await connection.readable.pipeTo(new WritableStream())
  const { ExitCode } = await client.execs.inspect(Id, signal)
  if (ExitCode !== 0) throw new Error(`hook exited with status ${ExitCode}`)
}
