import { encodeStdcopy } from '../../codec/stdcopy.ts'
import type { Shape } from '../../codec/json-shape.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Exec } from '../../engine/execs/exec.ts'
import { empty, json, type Call, type Route } from '../router.ts'
import { sizeOf } from './containers.ts'
import { hijack } from './hijack.ts'

const idOf = ({ params }: Call): string => params['id'] ?? ''

/** ExecConfig of the Engine API. */
interface ExecBody {
  readonly AttachStdin?: boolean
  readonly AttachStdout?: boolean
  readonly AttachStderr?: boolean
  readonly ConsoleSize?: readonly [number, number] | null
  readonly DetachKeys?: string
  readonly Tty?: boolean
  readonly Env?: readonly string[] | null
  readonly Cmd?: readonly string[] | null
  readonly Privileged?: boolean
  readonly User?: string
  readonly WorkingDir?: string
}

/** ExecStartConfig of the Engine API. */
interface StartBody {
  readonly Detach?: boolean
  readonly ConsoleSize?: readonly [number, number] | null
}

const execBody: Shape = {
  struct: 'container.ExecOptions',
  fields: {
    AttachStdin: 'bool',
    AttachStdout: 'bool',
    AttachStderr: 'bool',
    ConsoleSize: { list: 'int' },
    DetachKeys: 'string',
    Tty: 'bool',
    Env: { list: 'string' },
    Cmd: { list: 'string' },
    Privileged: 'bool',
    User: 'string',
    WorkingDir: 'string',
  },
}

const startBody: Shape = {
  struct: 'container.ExecStartOptions',
  fields: { Detach: 'bool', Tty: 'bool', ConsoleSize: { list: 'int' } },
}

function inspect(exec: Exec): Readonly<Record<string, unknown>> {
  const { config } = exec
  const [entrypoint = '', ...args] = config.command
  return {
    ID: exec.id,
    Running: exec.running,
    ExitCode: exec.exitCode,
    ProcessConfig: {
      tty: config.tty,
      entrypoint,
      arguments: args,
      privileged: config.privileged,
      ...(config.user === '' ? {} : { user: config.user }),
    },
    OpenStdin: config.stdin,
    OpenStderr: config.stderr,
    OpenStdout: config.stdout,
    CanRemove: false,
    ContainerID: exec.container.id,
    DetachKeys: config.detachKeys,
    Pid: exec.pid,
  }
}

export const execRoutes = ({ execs }: Engine): readonly Route[] => [
  {
    method: 'POST',
    path: '/containers/{name}/exec',
    handle: async (call) => {
      const body = (await call.json<ExecBody>(execBody)) ?? {}
      const id = await execs.create(call.params['name'] ?? '', {
        stdin: body.AttachStdin ?? false,
        stdout: body.AttachStdout ?? false,
        stderr: body.AttachStderr ?? false,
        tty: body.Tty ?? false,
        detachKeys: body.DetachKeys ?? '',
        env: body.Env ?? [],
        command: body.Cmd ?? [],
        privileged: body.Privileged ?? false,
        user: body.User ?? '',
        workingDir: body.WorkingDir ?? '',
        size: body.ConsoleSize ?? [0, 0],
      })
      return json(201, { Id: id })
    },
  },
  {
    method: 'POST',
    path: '/exec/{id}/start',
    handle: async (call) => {
      const body = (await call.json<StartBody>(startBody)) ?? {}
      const exec = execs.get(idOf(call))
      exec.checkStartable()
      const size = body.ConsoleSize ?? ([0, 0] as const)
      if (body.Detach) {
        await exec.start(size, call.request.id)
        return empty(200)
      }
      const client = exec.attach(call.signal)
      // The answer is given already when a start fails: its reason is the output then.
      exec.start(size, call.request.id).catch((error: unknown) => {
        const message = `${error instanceof Error ? error.message : String(error)}\r\n`
        const bytes = new TextEncoder().encode(message)
        void client.write(exec.config.tty ? bytes : encodeStdcopy('stdout', bytes))
        exec.abandon()
      })
      return hijack(call, client, exec.config.tty)
    },
  },
  {
    method: 'GET',
    path: '/exec/{id}/json',
    handle: async (call) => json(200, inspect(execs.get(idOf(call)))),
  },
  {
    method: 'POST',
    path: '/exec/{id}/resize',
    handle: async (call) => {
      await execs.get(idOf(call)).resize(sizeOf(call))
      return empty(200)
    },
  },
]
