import type { RunInstruction } from '../../codec/dockerfile/instructions.ts'
import { heredocText, parseHeredoc } from '../../codec/dockerfile/heredoc.ts'
import { EngineError } from '../../core/error.ts'
import type { ExitStatus } from '../../core/guest-protocol.ts'
import { shortId } from '../../core/short-id.ts'
import type { MachineProcess } from '../../ports/machine/processes.ts'
import { mergeConfig } from '../containers/config.ts'
import { completeHostConfig } from '../containers/host-config.ts'
import { networkFiles } from '../containers/network-files.ts'
import { createdState, recordSchema, type ContainerRecord } from '../containers/record.ts'
import { runtimeSpec, seccompOf } from '../containers/spec.ts'
import { resolveUser } from '../containers/user.ts'
import { guestNetwork } from '../networks/sandbox.ts'
import { BuildError } from './build-error.ts'
import { rewriteLayer } from './layer-tar.ts'
import { stepTreeName } from '../images/layer-store.ts'
import { shellOf } from './metadata.ts'
import { stepMountPoints, withMountPoints } from './mount-points.ts'
import type { VertexReport } from './report.ts'
import { isOwnTree, runMounts, type RunMounts } from './run-mounts.ts'
import type { FileTree } from './session.ts'
import { openMounts, type StepMounts } from './step-mounts.ts'
import type { StageRun } from './stage.ts'
import { randomId } from '../random-id.ts'

/** As BuildKit names its sandboxes: the same for every step, so that what depends on it is too. */
const HOSTNAME = 'buildkitsandbox'
const SIGKILL = 9

interface Command {
  /** As history and errors have it. */
  readonly args: readonly string[]
  /** What is run, where it is not that. */
  readonly run?: readonly string[]
  /** A script that the Dockerfile holds, for the container's `/dev/pipes`. */
  readonly script?: { readonly name: string; readonly text: string }
  readonly shown: string
}

/** RUN: a container on top of the stage; what it wrote is the layer. */
export async function runStep(stage: StageRun, instruction: RunInstruction): Promise<void> {
  const { session } = stage.environment
  const { keys, context } = session.tools
  const network = networkOf(instruction, session.request.network)
  if (instruction.security !== undefined && instruction.security !== 'sandbox') {
    throw new EngineError(
      'not-implemented',
      `Drydock can not RUN with --security=${instruction.security}`,
    )
  }
  const id = randomId(context.clock)
  const command = commandOf(stage, instruction)
  const mounts = await runMounts(stage, instruction, id)
  const env = stage.scope.forRun().map(([name, value]) => `${name}=${value}`)
  const listed = stage.scope.forHistory()
  const key = keys.of('RUN', stage.diffIds, {
    args: command.args,
    script: command.script?.text,
    env: env.filter((line) => !isProxy(line)),
    cwd: stage.config.WorkingDir ?? '/',
    user: stage.config.User ?? '',
    network,
    hosts: session.request.extraHosts,
    mounts: mounts.inputs,
  })
  const words = [...(listed.length > 0 ? [`|${listed.length}`, ...listed] : []), ...command.args]
  await stage.layer(
    {
      key,
      place: instruction,
      borrow: mounts.inputs.length === 0 ? 'history' : 'never',
      make: async (vertex) => {
        const tree = await stage.tree()
        const record = recordOf(stage, id, command, [...env, ...mounts.env], network)
        return runContainer(stage, vertex, { id, tree, record, mounts, command })
      },
    },
    command.shown,
    `RUN ${words.join(' ')} # buildkit`,
  )
}

interface Run {
  readonly id: string
  readonly tree: FileTree
  readonly record: ContainerRecord
  readonly mounts: RunMounts
  readonly command: Command
}

/** Runs it to its end. @returns its layer as a tar, after whose end nothing of it is left */
async function runContainer(
  stage: StageRun,
  vertex: VertexReport,
  { id, tree, record, mounts, command }: Run,
): Promise<ReadableStream<Uint8Array>> {
  const { session } = stage.environment
  const { machine, log, names } = session.tools.context
  const { networks } = session.tools
  const user = await resolveUser(tree.root, record.config.User, []).catch((cause: unknown) => {
    throw new EngineError(
      'invalid-parameter',
      `process ${JSON.stringify(command.args.join(' '))} did not complete successfully: ${messageOf(cause)}`,
      { cause },
    )
  })
  const treeName = tree.tree === undefined ? id : stepTreeName(tree.tree)
  machine.trees.add(treeName, withMountPoints(tree.root, session.now))
  for (const extra of mounts.trees) machine.trees.add(extra.id, extra.root)
  const own = [id, ...mounts.trees.map((extra) => extra.id)].filter((name) => isOwnTree(id, name))
  let opened: StepMounts | undefined
  const cleanUp = async (): Promise<void> => {
    const note = (error: unknown): void => log.add(`build ${shortId(id)}: ${messageOf(error)}`)
    await machine.containers.delete(id).catch(note)
    await networks.leave(id).catch(note)
    await Promise.resolve(opened?.[Symbol.asyncDispose]()).catch(note)
    for (const name of own) machine.trees.remove(name)
  }
  try {
    opened = await openMounts(
      session.tools.context,
      session.tools.caches,
      mounts.plans,
      id,
      session.signal,
    )
    const sandbox = await networks.join(record)
    const files = networkFiles(record.config, record.hostConfig, {
      sandbox,
      gateway: networks.get('bridge').gateway(4) ?? '',
      forwarded: names !== undefined,
    })
    const spec = runtimeSpec(record, user, Object.keys(files), {})
    const seccomp = seccompOf(record.hostConfig)
    const script = command.script
    const scriptMounts = script
      ? [
          {
            destination: `/dev/pipes/${script.name}`,
            type: 'bind',
            source: `/run/containers/${id}/script`,
            options: ['bind', 'ro'],
          },
        ]
      : []
    session.signal.throwIfAborted()
    const process = await machine.processes
      .run(
        {
          container: id,
          requestId: session.request.requestId,
          spec: { ...spec, mounts: [...(spec.mounts ?? []), ...scriptMounts, ...opened.mounts] },
          rootfs: {
            tree: treeName,
            upper: machine.disk ? 'disk' : 'tmpfs',
            volatile: true,
            redirect: false,
          },
          ...(sandbox?.endpoints.some((endpoint) => endpoint.interface !== '')
            ? { network: guestNetwork(sandbox) }
            : {}),
          files: { ...files, ...(script ? { script: script.text } : {}) },
          ...(seccomp === undefined ? {} : { seccomp }),
        },
        session.signal,
      )
      .catch((cause: unknown) => {
        session.signal.throwIfAborted()
        throw failed(stage, command, messageOf(cause), 127, cause)
      })
    await vertex.running(id)
    const status = await finish(stage, process, id, vertex)
    session.signal.throwIfAborted()
    if (status.kind === 'lost') {
      throw failed(stage, command, `the machine was lost: ${status.reason}`, 255)
    }
    if (status.code !== 0) {
      const reason = `exit code: ${status.code}${status.oomKilled ? ': cannot allocate memory' : ''}`
      throw failed(stage, command, reason, status.code)
    }
    const changes = await machine.files.readChanges(
      { container: id, tree: treeName },
      { ignore: [...stepMountPoints, ...mounts.targets], signal: session.signal },
    )
    await vertex.removed(id)
    const tar = session.epoch === undefined ? changes : clamped(changes, session.epoch)
    return afterwards(tar, () => session.leave(cleanUp()))
  } catch (error) {
    await cleanUp()
    throw error
  }
}

/** Output goes to the client as it comes; a client that leaves kills the process. */
async function finish(
  stage: StageRun,
  process: MachineProcess,
  id: string,
  vertex: VertexReport,
): Promise<ExitStatus> {
  const { session } = stage.environment
  const { machine } = session.tools.context
  const kill = (): void => {
    machine.processes.signal({ container: id }, SIGKILL).catch(() => undefined)
  }
  session.signal.addEventListener('abort', kill, { once: true })
  if (session.signal.aborted) kill()
  void process.stdin.close().catch(() => undefined)
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() }
  try {
    for await (const { stream, bytes } of process.output) {
      const text = decoders[stream].decode(bytes, { stream: true })
      if (text !== '') await vertex.log(stream, text)
    }
  } catch {
    // The client has gone or the guest is lost: the exit tells.
    kill()
  } finally {
    session.signal.removeEventListener('abort', kill)
  }
  return process.exited
}

function failed(
  stage: StageRun,
  { args }: Command,
  reason: string,
  exitCode: number,
  cause?: unknown,
): BuildError {
  const text = args.join(' ')
  const message = stage.environment.session.request.trace
    ? `process ${JSON.stringify(text)} did not complete successfully: ${reason}`
    : reason.startsWith('exit code: ')
      ? `The command '${text}' returned a non-zero code: ${exitCode}`
      : `The command '${text}' failed: ${reason}`
  return new BuildError('internal', message, { exitCode, cause })
}

/** Does something when a stream is over, whichever way; whoever reads it need not wait for that. */
function afterwards(
  stream: ReadableStream<Uint8Array>,
  action: () => void,
): ReadableStream<Uint8Array> {
  const reader = stream.getReader()
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const { done, value } = await reader.read()
          if (!done) {
            controller.enqueue(value)
            return
          }
        } catch (error) {
          action()
          throw error
        }
        action()
        controller.close()
      },
      cancel: async (reason) => {
        await reader.cancel(reason).catch(() => undefined)
        action()
      },
    },
    { highWaterMark: 0 },
  )
}

const clamped = (tar: ReadableStream<Uint8Array>, epoch: number): ReadableStream<Uint8Array> =>
  rewriteLayer(
    tar,
    (entry) => ({ ...entry, mtime: Math.min(entry.mtime, epoch) }),
    () => false,
  )

function commandOf(
  stage: StageRun,
  { command, heredocs, mounts, network }: RunInstruction,
): Command {
  const flags = [
    ...mounts.map((mount) => `--mount=${mount}`),
    ...(network === undefined ? [] : [`--network=${network}`]),
  ]
  const named = (text: string): string => ['RUN', ...flags, text].join(' ')
  if (command.form === 'exec') {
    return {
      args: command.args,
      shown: named(JSON.stringify(command.args).replaceAll('","', '", "')),
    }
  }
  const shell = shellOf(stage.config)
  const [first] = heredocs
  if (!first)
    return { args: [...shell, command.text], shown: named(stage.scope.shown(command.text)) }
  const isWhole = heredocs.length === 1 && parseHeredoc(command.text.trim()) !== undefined
  if (!isWhole) {
    const texts = heredocs.map(({ name, content }) => `\n${content}${name}`)
    return { args: [...shell, `${command.text}${texts.join('')}`], shown: named(command.text) }
  }
  const text = heredocText(first)
  const lines = text.trim().split(/\r?\n/)
  const shown = named(`${command.text.trim()} (${lines[0] ?? ''}${lines.length > 1 ? '...' : ''})`)
  const interpreter = /^#!\s*(\S+)(?:[ \t]+(.*\S))?/.exec(text)
  if (!interpreter) return { args: [...shell, text], shown }
  const [, program = '', argument] = interpreter
  const path = `/dev/pipes/${first.name}`
  return {
    args: [...shell, path],
    // The container's files are not executable: what the kernel makes of the first line is done here.
    run: [program, ...(argument === undefined ? [] : [argument]), path],
    script: { name: first.name, text },
    shown,
  }
}

function networkOf({ network }: RunInstruction, standard: string): string {
  const wanted = network === undefined || network === 'default' ? standard : network
  if (!['', 'default', 'none', 'host', 'bridge'].includes(wanted)) {
    if (network === undefined) return wanted
    throw new EngineError('invalid-parameter', `invalid network mode ${JSON.stringify(network)}`)
  }
  return wanted === '' || wanted === 'bridge' ? 'default' : wanted
}

/** A container that no client sees. */
function recordOf(
  stage: StageRun,
  id: string,
  { args, run = args }: Command,
  env: readonly string[],
  network: string,
): ContainerRecord {
  const { session } = stage.environment
  const { resources, extraHosts } = session.request
  return {
    schema: recordSchema,
    id,
    name: '',
    created: session.created,
    image: 'sha256:' as ContainerRecord['image'],
    config: mergeConfig(
      {
        Env: env,
        Cmd: run,
        User: stage.config.User ?? '',
        WorkingDir: stage.config.WorkingDir ?? '',
        Image: '',
      },
      {},
      HOSTNAME,
    ),
    hostConfig: completeHostConfig({
      NetworkMode: network,
      ExtraHosts: extraHosts,
      Memory: resources.memory,
      MemorySwap: resources.memorySwap,
      CpuShares: resources.cpuShares,
      CpuPeriod: resources.cpuPeriod,
      CpuQuota: resources.cpuQuota,
      ShmSize: resources.shmSize,
      Ulimits: resources.ulimits,
    }),
    endpoints: {},
    state: createdState,
    restartCount: 0,
    stoppedByUser: false,
  }
}

const isProxy = (line: string): boolean => /^(?:https?|ftp|no|all)_proxy=/i.test(line)

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)
