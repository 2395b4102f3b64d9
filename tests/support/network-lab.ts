import { spawn } from 'node:child_process'
import { withHostName } from '../../src/hosts/host-name.ts'
import { nodeNames } from '../../src/hosts/node/names.ts'
import { NodePorts } from '../../src/hosts/node/ports.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import type { NameForwarder } from '../../src/ports/name-forwarder.ts'
import { DEFAULT_DISK_SIZE } from '../../src/machine/blk-device.ts'
import { CatalogTransport } from '../../src/storage/catalog.ts'
import { FetchTransport } from '../../src/storage/fetch-transport.ts'
import { LogDiskStore } from '../../src/storage/disk/log-disk-store.ts'
import { MemoryMedium } from '../../src/storage/disk/memory-medium.ts'
import { openEngine, type TestEngine } from './api-client.ts'
import { catalogFiles } from './catalog-files.ts'
import { openHostRoot } from '../../src/storage/host-root.ts'
import { processSpec } from './container-spec.ts'
import { DockerCli, finished, type Result } from './docker-cli.ts'
import { finish, startMachine } from './guest.ts'
import { docker, type CliResult } from './memory-cli-host.ts'

/** An engine on the real guest, with its host root and the host's loopback: where networks are tried out. */
export interface NetworkLab extends CommandLab {
  readonly machine: GuestMachine
  readonly engine: TestEngine
}

/** What the same questions can be asked of: ours, or a real dockerd. */
export interface CommandLab extends AsyncDisposable {
  /** A docker CLI; the words are split at blanks, an array's are taken as they are. */
  docker(command: string | readonly string[]): Promise<CliResult>
  /** The same; anything but exit code 0 is an error. */
  output(command: string | readonly string[]): Promise<string>
  /** A shell in a container. */
  inside(container: string, script: string): Promise<CliResult>
  /** A shell of the machine that the containers run on. */
  host(script: string): Promise<CliResult>
}

export async function openLab(names: NameForwarder = nodeNames): Promise<NetworkLab> {
  const { tree, root } = await openHostRoot(catalogFiles)
  const disk = await LogDiskStore.open(new MemoryMedium(), DEFAULT_DISK_SIZE)
  const machine = await startMachine({ hostRoot: { tree }, disk })
  machine.trees.add(tree, root)
  const engine = await openEngine({
    machine,
    ports: new NodePorts(machine.networks),
    names: withHostName(names),
    registry: new CatalogTransport(catalogFiles.open, new FetchTransport()),
  })
  let shells = 0
  const lab: NetworkLab = {
    machine,
    engine,
    docker: (command) =>
      docker(engine.handler, typeof command === 'string' ? command.split(' ') : command),
    output: async (command) => {
      const { code, out, err } = await lab.docker(command)
      if (code !== 0) throw new Error(`docker ${String(command)}: exit code ${code}\n${out}${err}`)
      return out
    },
    inside: (container, script) => lab.docker(['exec', container, 'sh', '-c', script]),
    host: async (script) => {
      const process = await machine.processes.runOnHost({
        host: `lab-${++shells}`,
        process: processSpec(['sh', '-c', script], {
          capabilities: Object.fromEntries(
            ['bounding', 'effective', 'permitted', 'inheritable', 'ambient'].map((set) => [
              set,
              ['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_SYS_ADMIN', 'CAP_DAC_OVERRIDE', 'CAP_KILL'],
            ]),
          ) as never,
        }),
      })
      const { stdout, stderr, exit } = await finish(process)
      return { code: 'code' in exit ? exit.code : -1, out: stdout, err: stderr }
    },
    [Symbol.asyncDispose]: async () => {
      await engine[Symbol.asyncDispose]()
      await machine[Symbol.asyncDispose]()
      await disk[Symbol.asyncDispose]()
    },
  }
  await lab.output('pull -q busybox')
  return lab
}

/**
 * A real dockerd with the image busybox, to hold Drydock against.
 * @param shell words before a command that is to run in the daemon's network namespace
 */
export function openPeer(address: string, shell: string): CommandLab {
  const cli = new DockerCli(address)
  const result = ({ code, stdout, stderr }: Result): CliResult => ({
    code,
    out: stdout,
    err: stderr,
  })
  const lab: CommandLab = {
    docker: async (command) =>
      result(await cli.run(typeof command === 'string' ? command.split(' ') : command)),
    output: (command) =>
      cli.output(...(typeof command === 'string' ? command.split(' ') : command)),
    inside: (container, script) => lab.docker(['exec', container, 'sh', '-c', script]),
    host: async (script) => {
      const [program = '', ...words] = shell.split(' ')
      return result(await finished(spawn(program, [...words, 'sh', '-c', script])))
    },
    [Symbol.asyncDispose]: async () => cli[Symbol.dispose](),
  }
  return lab
}

/** What of the networks is left in the guest, besides the pool's links: nothing, a little while after the last container. */
export async function leftovers(lab: NetworkLab): Promise<readonly string[]> {
  for (let attempt = 0; ; attempt++) {
    const links = (await lab.host('ip -o link show type veth')).out.trim().split('\n')
    const rules = (await lab.host('nft list ruleset')).out.split('\n')
    const left = [
      ...links.filter((line) => line.includes('master')),
      ...(links.length > 3 ? [`${links.length} links`] : []),
      ...rules.filter((line) => line.includes('dnat to')),
    ]
    if (left.length === 0 || attempt === 40) return left
    await new Promise((resolve) => {
      setTimeout(resolve, 250)
    })
  }
}
