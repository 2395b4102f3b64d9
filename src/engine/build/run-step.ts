import type { RunInstruction } from '../../codec/dockerfile/instructions.ts'
import { EngineError } from '../../core/error.ts'
import type { ExitStatus } from '../../core/guest-protocol.ts'
import { shortId } from '../../core/short-id.ts'
import type { MachineProcess } from '../../ports/machine/processes.ts'
import { mergeConfig } from '../containers/config.ts'
import { completeHostConfig } from '../containers/host-config.ts'
import { prepareContainer } from '../containers/prepare.ts'
import type { ContainerSetup } from '../containers/record.ts'
import { resolveUser } from '../containers/user.ts'
import { BuildError } from './build-error.ts'
import { rewriteLayer } from './layer-tar.ts'
import { stepTreeName } from '../images/layer-store.ts'
import { stepMountPoints, withMountPoints } from './mount-points.ts'
import type { VertexReport } from './report.ts'
import { runCommand, type RunCommand } from './run-command.ts'
import { isOwnTree, runMounts, type RunMounts } from './run-mounts.ts'
import type { FileTree } from './session.ts'
import { openMounts, type StepMounts } from './step-mounts.ts'
import type { StageRun } from './stage.ts'
import { randomId } from '../random-id.ts'

/** As BuildKit names its sandboxes: the same for every step, so that what depends on it is too. */
const HOSTNAME = 'buildkitsandbox'
const SIGKILL = 9

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
  const command = runCommand(stage, instruction)
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
        const setup = setupOf(stage, id, command, [...env, ...mounts.env], network)
        return runContainer(stage, vertex, { id, tree, setup, mounts, command })
      },
    },
    command.shown,
    `RUN ${words.join(' ')} # buildkit`,
  )
}

interface Run {
  readonly id: string
  readonly tree: FileTree
  readonly setup: ContainerSetup
  readonly mounts: RunMounts
  readonly command: RunCommand
}

/** Runs it to its end. @returns its layer as a tar, after whose end nothing of it is left */
async function runContainer(
  stage: StageRun,
  vertex: VertexReport,
  { id, tree, setup, mounts, command }: Run,
): Promise<ReadableStream<Uint8Array>> {
  const { session } = stage.environment
  const { machine, log } = session.tools.context
  const { networks } = session.tools
  const user = await resolveUser(tree.root, setup.config.User, []).catch((cause: unknown) => {
    throw new EngineError(
      'invalid-parameter',
      `process ${JSON.stringify(command.args.join(' '))} did not complete successfully: ${messageOf(cause)}`,
      { cause },
    )
  })
  const treeName = tree.tree === undefined ? id : stepTreeName(tree.tree)
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
    const script = command.script
    const scriptMounts = script
      ? [
          {
            destination: `/dev/pipes/${script.name}`,
            type: 'bind',
            source: machine.places.file(id, 'script'),
            options: ['bind', 'ro'],
          },
        ]
      : []
    const start = await prepareContainer(session.tools, setup, {
      requestId: session.request.requestId,
      user,
      tree: treeName,
      root: withMountPoints(tree.root, session.now),
      volatile: true,
      redirect: false,
      mounts: [...scriptMounts, ...opened.mounts],
      files: script ? { script: script.text } : {},
    })
    session.signal.throwIfAborted()
    const process = await machine.processes.run(start, session.signal).catch((cause: unknown) => {
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
  { args }: RunCommand,
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

function networkOf({ network }: RunInstruction, standard: string): string {
  const wanted = network === undefined || network === 'default' ? standard : network
  if (!['', 'default', 'none', 'host', 'bridge'].includes(wanted)) {
    if (network === undefined) return wanted
    throw new EngineError('invalid-parameter', `invalid network mode ${JSON.stringify(network)}`)
  }
  return wanted === '' || wanted === 'bridge' ? 'default' : wanted
}

/** A container that no client sees, and no record keeps. */
function setupOf(
  stage: StageRun,
  id: string,
  { args, run = args }: RunCommand,
  env: readonly string[],
  network: string,
): ContainerSetup {
  const { session } = stage.environment
  const { resources, extraHosts } = session.request
  return {
    id,
    name: '',
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
  }
}

const isProxy = (line: string): boolean => /^(?:https?|ftp|no|all)_proxy=/i.test(line)

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)
