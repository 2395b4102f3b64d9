import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ContainerNetwork } from '../../src/core/guest-protocol.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import { containerSpec, containerStart } from '../support/container-spec.ts'
import { BUSYBOX, finish, sh, startMachine } from '../support/guest.ts'

let machine: GuestMachine
beforeAll(async () => {
  machine = await startMachine()
  await machine.createNetwork({
    bridge: 'docker0',
    addresses: ['172.17.0.1/16'],
    internal: false,
    isolated: false,
    masquerade: true,
  })
}, 60_000)
afterAll(() => machine[Symbol.asyncDispose]())

const network = (last: number, more: Partial<ContainerNetwork> = {}): ContainerNetwork => ({
  endpoints: [
    {
      bridge: 'docker0',
      interface: 'eth0',
      mac: `02:42:ac:11:00:0${last}`,
      addresses: [`172.17.0.${last}/16`],
    },
  ],
  gateways: ['172.17.0.1'],
  resolver: false,
  ports: [],
  ...more,
})

async function run(args: string[], net: ContainerNetwork): Promise<string> {
  const start = { ...containerStart(BUSYBOX, containerSpec(args)), network: net }
  try {
    const { stdout, stderr } = await finish(await machine.run(start))
    return stdout + stderr
  } finally {
    await machine.delete(start.container)
  }
}

describe('a container on a bridge', () => {
  it('has its link, address and route', async () => {
    const text = await run(sh('ip -4 addr show eth0; ip route; cat /sys/class/net/eth0/address'), network(2))
    expect(text).toContain('inet 172.17.0.2/16 brd 172.17.255.255 scope global eth0')
    expect(text).toContain('default via 172.17.0.1 dev eth0')
    expect(text).toContain('02:42:ac:11:00:02')
  })

  it('reaches the gateway, and nothing outside: at once', async () => {
    const text = await run(sh('ping -c1 -W2 172.17.0.1; time nc -w 5 8.8.8.8 80'), network(2))
    expect(text).toContain('1 packets received')
    expect(text).toMatch(/unreachable/)
  })

  it('serves a published port', async () => {
    const start = {
      ...containerStart(BUSYBOX, containerSpec(sh('while :; do echo hello | nc -l -p 80; done'))),
      network: network(3, {
        ports: [{ protocol: 'tcp', hostPort: 8080, address: '172.17.0.3', port: 80 }],
      }),
    }
    const server = await machine.run(start)
    await new Promise((resolve) => { setTimeout(resolve, 300) })
    const duplex = await machine.dial({ protocol: 'tcp', address: '172.17.0.3', port: 80 })
    expect(await new Response(duplex.readable).text()).toBe('hello\n')
    expect(await run(sh('nc -w 3 172.17.0.1 8080'), network(4))).toBe('hello\n')
    const host = await machine.runOnHost({
      host: 'h1',
      process: containerSpec(sh('nft list ruleset; ip a; nc -w 3 127.0.0.1 8080; ss -ltn')).process,
    }).catch((e) => e)
    if (!(host instanceof Error)) console.log(await finish(host))
    console.log((await machine.stats(start.container)).networks)
    await machine.signal({ container: start.container }, 9)
    await server.exited
    await machine.delete(start.container)
  })

  it('asks its resolver', async () => {
    machine.resolveNames(async ({ message, container }) => {
      console.log(container, message.length)
      const copy = message.slice()
      copy[2] = 0x81; copy[3] = 0x83
      return copy
    })
    const text = await run(sh('echo nameserver 127.0.0.11 > /etc/resolv.conf; nslookup foo 127.0.0.11; nslookup -type=a foo'), network(2, { resolver: true }))
    console.log(text)
    expect(text).toMatch(/NXDOMAIN|can't find/)
  })
})
