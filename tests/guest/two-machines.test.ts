import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ContainerStart } from '../../src/core/guest-protocol.ts'
import { DEFAULT_DISK_SIZE } from '../../src/machine/blk-device.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import { identityOf } from '../../src/machine/identity.ts'
import type { DiskStore } from '../../src/ports/disk-store.ts'
import type { MachineState } from '../../src/ports/machine/guest.ts'
import type { MachineProcess } from '../../src/ports/machine/processes.ts'
import { LogDiskStore } from '../../src/storage/disk/log-disk-store.ts'
import { MemoryMedium } from '../../src/storage/disk/memory-medium.ts'
import { mergeLayers } from '../../src/codec/layer-merge.ts'
import {
  containerId,
  containerSpec,
  containerStart,
  processSpec,
} from '../support/container-spec.ts'
import { BUSYBOX, finish, runContainer, sh, startMachine } from '../support/guest.ts'

interface Pair {
  readonly name: string
  readonly machine: GuestMachine
  readonly disk: DiskStore
}

const open = async (name: string): Promise<Pair> => {
  const disk = await LogDiskStore.open(new MemoryMedium(), DEFAULT_DISK_SIZE)
  const machine = await startMachine({
    engineId: name,
    hostname: name,
    hostRoot: { tree: BUSYBOX },
    disk,
  })
  return { name, machine, disk }
}

/** Two engines' machines, started at once in one process: what one does the other doesn't see. */
let one: Pair
let two: Pair
const both = <Result>(work: (pair: Pair) => Promise<Result>): Promise<[Result, Result]> =>
  Promise.all([work(one), work(two)])

beforeAll(async () => {
  ;[one, two] = await Promise.all([open('one'), open('two')])
}, 120_000)
afterAll(async () => {
  await both(async ({ machine, disk }) => {
    await machine[Symbol.asyncDispose]()
    await disk[Symbol.asyncDispose]()
  })
})

const asked: Readonly<Record<string, Uint8Array[]>> = { one: [], two: [] }

/** The same id in both: ids are the engine's, and one machine knows nothing of the other's. */
const ID = 'c0'.repeat(32)
const ADDRESS = '172.30.0.2'

const server = ({ name }: Pair): ContainerStart => ({
  ...containerStart(
    BUSYBOX,
    containerSpec(sh(`echo ${name} > /data/who; while true; do echo ${name} | nc -l -p 80; done`), {
      spec: {
        mounts: [
          ...(containerSpec([]).mounts ?? []),
          {
            destination: '/data',
            type: 'bind',
            source: '/run/disk/volumes/v/_data',
            options: ['rbind'],
          },
        ],
      },
    }),
    ID,
  ),
  rootfs: { tree: BUSYBOX, upper: 'disk' },
  network: {
    endpoints: [
      {
        bridge: 'br-both',
        interface: 'eth0',
        mac: name === 'one' ? '02:42:ac:1e:00:02' : '02:42:ac:1e:00:03',
        addresses: [`${ADDRESS}/24`],
      },
    ],
    gateways: ['172.30.0.1'],
    resolver: true,
    ports: [],
  },
})

const ask = async ({ machine }: Pair): Promise<string> => {
  const { readable, writable } = await machine.networks.dial({
    protocol: 'tcp',
    address: ADDRESS,
    port: 80,
  })
  let text = ''
  for await (const bytes of readable) text += new TextDecoder().decode(bytes)
  await writable.close().catch(() => undefined)
  return text
}

const inside = async ({ machine }: Pair, script: string): Promise<string> => {
  const process = processSpec(sh(script))
  return (
    await finish(await machine.processes.exec({ container: ID, exec: containerId(), process }))
  ).stdout
}

test('each has its own socket address and machine id', async () => {
  const [first, second] = await both(({ name }) => identityOf(name))
  expect(first.cid).not.toBe(second.cid)
  const ids = await both(async ({ machine }) => {
    const process = processSpec(['cat', '/etc/machine-id'])
    return (await finish(await machine.processes.runOnHost({ host: 'id', process }))).stdout.trim()
  })
  expect(ids).toEqual([first.machineId, second.machineId])
})

test('containers of one id, with networks, disks and names of their own', async () => {
  const processes = await both(async (pair): Promise<MachineProcess> => {
    const { machine, name } = pair
    machine.networks.resolveNames(({ container, message }) => {
      expect(container).toBe(ID)
      asked[name]?.push(message)
      const answer = message.slice()
      // A response; there is no such name (RFC 1035 4.1.1).
      answer[2] = 0x81
      answer[3] = 0x83
      return Promise.resolve(answer)
    })
    await machine.disk?.makeVolume('v')
    await machine.networks.create({
      bridge: 'br-both',
      addresses: ['172.30.0.1/24'],
      internal: false,
      isolated: false,
      masquerade: true,
    })
    return machine.processes.run(server(pair))
  })
  await expect.poll(() => both(ask).catch(String)).toEqual(['one\n', 'two\n'])
  expect(await both((pair) => inside(pair, 'cat /data/who /sys/class/net/eth0/address'))).toEqual([
    'one\n02:42:ac:1e:00:02\n',
    'two\n02:42:ac:1e:00:03\n',
  ])

  // Much at once, through both.
  const size = 1 << 20
  const [many, more] = await both(
    async (pair) => (await inside(pair, `yes ${pair.name} | head -c ${size}`)).length,
  )
  expect([many, more]).toEqual([size, size])

  // One is stopped, the other goes on.
  await one.machine.containers.pause(ID)
  expect(await ask(two)).toBe('two\n')
  await one.machine.containers.resume(ID)
  await expect.poll(() => ask(one).catch(String)).toBe('one\n')

  // A name asked for in one is the one's to answer.
  await inside(one, 'nslookup only-in-one 127.0.0.11')
  expect(asked['one']).not.toEqual([])
  expect(asked['two']).toEqual([])

  await both(async ({ machine }) => machine.processes.signal({ container: ID }, 9))
  await both(async ({ name }) => {
    const process = processes[name === 'one' ? 0 : 1]
    await process.output.cancel()
    expect(await process.exited).toMatchObject({ kind: 'exited', code: 137 })
  })
  await one.machine.containers.delete(ID)
  expect((await one.machine.disk?.list())?.uppers).toEqual([])
  expect((await two.machine.disk?.list())?.uppers).toEqual([ID])
  await two.machine.containers.delete(ID)
}, 60_000)

test('a tree given to one is not in the other', async () => {
  const tree = 'dd'.repeat(32)
  one.machine.trees.add(tree, mergeLayers([]))
  const list = async ({ machine }: Pair) => {
    const open = containerStart(tree, containerSpec(['/none']))
    const reason = await machine.processes.run(open).then(String, (error: Error) => error.message)
    await machine.containers.delete(open.container)
    return reason
  }
  const [first, second] = await both(list)
  expect(first).toContain('no such file or directory')
  expect(second).not.toBe(first)
})

test('when one is lost, the other doesn’t notice', async () => {
  const states: MachineState['state'][] = []
  two.machine.guest.onState(({ state }) => void states.push(state))
  const start = containerStart(BUSYBOX, containerSpec(['cat']))
  const cat = await two.machine.processes.run(start)
  const back = new Promise<void>((resolve) => {
    one.machine.guest.onState(({ state }) => state === 'running' && resolve())
  })
  const all = ['CAP_SYS_BOOT', 'CAP_SYS_ADMIN']
  const capabilities = {
    bounding: all,
    effective: all,
    permitted: all,
    inheritable: [],
    ambient: [],
  }
  await one.machine.processes
    .runOnHost({ host: 'halt', process: processSpec(sh('halt -f'), { capabilities }) })
    .catch(() => undefined)
  await back
  const writer = cat.stdin.getWriter()
  await writer.write(new TextEncoder().encode('still here'))
  await writer.close()
  expect(await finish(cat)).toMatchObject({ stdout: 'still here', exit: { code: 0 } })
  expect(states).toEqual([])
  await two.machine.containers.delete(start.container)
  expect((await runContainer(one.machine, ['echo', 'again'])).stdout).toBe('again\n')
  // What was on the one's disk is its own still.
  expect((await one.machine.disk?.list())?.volumes).toEqual(['v'])
}, 60_000)
