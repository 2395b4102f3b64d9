import { expect, test } from 'vitest'
import { dnsCode, dnsType } from '../../src/core/dns.ts'
import { encodeDnsName } from '../../src/codec/dns.ts'
import type { PortPublisher } from '../../src/ports/port-publisher.ts'
import { EngineError } from '../../src/core/error.ts'
import { openDocker, type Docker } from '../support/docker-client.ts'

// Networks of the engine over a scripted machine: what the guest is asked for, and what goes wrong.

interface Settings {
  readonly NetworkSettings: {
    readonly IPAddress: string
    readonly Ports: Readonly<Record<string, readonly { HostPort: string }[] | null>>
    readonly Networks: Readonly<Record<string, { IPAddress: string; MacAddress: string }>>
  }
}

const sleeper = (network: string, more: object = {}): Readonly<Record<string, unknown>> => ({
  Image: 'demo',
  Cmd: ['sleep', '1000'],
  HostConfig: { NetworkMode: network, ...more },
})

async function started(
  engine: Docker,
  name: string,
  body: Readonly<Record<string, unknown>>,
): Promise<string> {
  const id = await engine.create(body, name)
  const answer = await engine.request('POST', `/containers/${id}/start`)
  if (answer.status !== 204) throw new Error(answer.text)
  return id
}

const inspect = async (engine: Docker, id: string): Promise<Settings['NetworkSettings']> =>
  (await engine.request('GET', `/containers/${id}/json`)).json<Settings>().NetworkSettings

const message = (text: string): string => (JSON.parse(text) as { message: string }).message

test('a start asks the guest for links, routes and the bridge, once', async () => {
  await using engine = await openDocker()
  await engine.post('/networks/create', { Name: 'front' })
  const first = await started(engine, 'one', sleeper('bridge'))
  const second = await started(engine, 'two', sleeper('front'))
  expect(engine.machine.networks.bridges.get('docker0')).toEqual({
    bridge: 'docker0',
    addresses: ['172.17.0.1/16'],
    internal: false,
    isolated: false,
    masquerade: true,
    mtu: 1500,
  })
  expect(engine.machine.containers.known.get(first)?.start.network).toEqual({
    endpoints: [
      {
        bridge: 'docker0',
        interface: 'eth0',
        mac: '02:42:ac:11:00:02',
        addresses: ['172.17.0.2/16'],
      },
    ],
    gateways: ['172.17.0.1'],
    resolver: false,
    ports: [],
  })
  expect(engine.machine.containers.known.get(second)?.start.network?.resolver).toBe(true)
  // A guest that was lost has no bridges: they are made again.
  engine.machine.lose('test')
  await new Promise((resolve) => {
    setTimeout(resolve, 10)
  })
  await started(engine, 'three', sleeper('bridge'))
  expect([...engine.machine.networks.bridges.keys()]).toEqual(['docker0'])
})

test('addresses are free when a container has ended', async () => {
  await using engine = await openDocker()
  const one = await started(engine, 'one', sleeper('bridge'))
  const two = await started(engine, 'two', sleeper('bridge'))
  expect((await inspect(engine, two)).IPAddress).toBe('172.17.0.3')
  await engine.request('POST', `/containers/${one}/kill`)
  expect((await inspect(engine, one)).IPAddress).toBe('')
  const three = await started(engine, 'three', sleeper('bridge'))
  expect((await inspect(engine, three)).IPAddress).toBe('172.17.0.2')
})

test('a start that fails takes nothing', async () => {
  await using engine = await openDocker()
  const bad = await engine.create({ ...sleeper('bridge'), Cmd: ['nosuch'] }, 'bad')
  expect((await engine.request('POST', `/containers/${bad}/start`)).status).toBe(400)
  const good = await started(engine, 'good', sleeper('bridge'))
  expect((await inspect(engine, good)).IPAddress).toBe('172.17.0.2')
  const lost = await engine.create(sleeper('nosuch'), 'lost')
  const answer = await engine.request('POST', `/containers/${lost}/start`)
  expect([answer.status, message(answer.text)]).toEqual([
    404,
    'failed to set up container networking: network nosuch not found',
  ])
})

test('ports: taken here, taken on the host, in turn', async () => {
  const open = new Set<string>()
  const refused = new Set([32_768, 8080])
  const ports: PortPublisher = {
    publish: async ({ address, port }) => {
      if (refused.has(port)) throw new EngineError('conflict', 'address already in use')
      open.add(`${address}:${port}`)
      return {
        [Symbol.asyncDispose]: async () => {
          open.delete(`${address}:${port}`)
        },
      }
    },
  }
  await using engine = await openDocker({ ports })
  const published = (hostPort: string): object => ({
    PortBindings: { '80/tcp': [{ HostIp: '', HostPort: hostPort }] },
  })
  const one = await started(engine, 'one', sleeper('bridge', published('9090')))
  expect([...open]).toEqual(['0.0.0.0:9090', ':::9090'])
  expect(engine.machine.containers.known.get(one)?.start.network?.ports).toEqual([
    { protocol: 'tcp', hostPort: 9090, address: '172.17.0.2', port: 80 },
  ])
  const two = await engine.create(sleeper('bridge', published('9090')), 'two')
  const clash = await engine.request('POST', `/containers/${two}/start`)
  expect(clash.status).toBe(500)
  expect(message(clash.text)).toMatch(/Bind for 0\.0\.0\.0:9090 failed: port is already allocated$/)
  const three = await engine.create(sleeper('bridge', published('8080')), 'three')
  expect(message((await engine.request('POST', `/containers/${three}/start`)).text)).toMatch(
    /failed to bind host port for 0\.0\.0\.0:8080:172\.17\.0\.3:80\/tcp: address already in use$/,
  )
  // A random one that another program has is not tried twice.
  const four = await started(engine, 'four', sleeper('bridge', published('')))
  expect((await inspect(engine, four)).Ports['80/tcp']?.[0]?.HostPort).toBe('32769')
  await engine.request('POST', `/containers/${one}/kill`)
  await engine.request('POST', `/containers/${four}/kill`)
  expect([...open]).toEqual([])
})

test('networks are stored, and 31 of them are all that Docker has subnets for', async () => {
  await using engine = await openDocker()
  for (let number = 1; number <= 30; number++) {
    await engine.post('/networks/create', { Name: `n${number}` })
  }
  const full = await engine.request('POST', '/networks/create', { body: { Name: 'more' } })
  expect([full.status, message(full.text)]).toEqual([
    500,
    'all predefined address pools have been fully subnetted',
  ])
  const stored = await engine.options.records.list('network')
  expect(stored.size).toBe(33)
  const pruned = await engine.post<{ NetworksDeleted: string[] }>('/networks/prune')
  expect(pruned.NetworksDeleted).toHaveLength(30)
})

test('connect and disconnect tell the guest what is to be then', async () => {
  await using engine = await openDocker()
  await engine.post('/networks/create', { Name: 'side' })
  const id = await started(engine, 'one', sleeper('bridge'))
  await engine.post('/networks/side/connect', { Container: 'one' })
  expect(engine.machine.networks.changes.at(-1)).toMatchObject({
    container: id,
    endpoint: { interface: 'eth1', addresses: ['172.18.0.2/16'] },
    gateways: ['172.17.0.1'],
    resolver: true,
  })
  await engine.post('/networks/bridge/disconnect', { Container: 'one' })
  expect(engine.machine.networks.changes.at(-1)).toMatchObject({
    link: 'eth0',
    gateways: ['172.18.0.1'],
  })
  const networks = (await inspect(engine, id)).Networks
  expect(Object.keys(networks)).toEqual(['side'])
  const removal = await engine.request('DELETE', '/networks/side')
  expect([removal.status, message(removal.text)]).toEqual([
    403,
    expect.stringContaining('network side has active endpoints (name:"one" id:"'),
  ])
})

test('names: neighbours, round robin, reverse, others', async () => {
  await using engine = await openDocker({
    names: {
      lookup: async ({ name }) => ({ code: name === 'outside' ? 3 : 2, records: [] }),
    },
  })
  await engine.post('/networks/create', { Name: 'front' })
  const alias = { NetworkingConfig: { EndpointsConfig: { front: { Aliases: ['pool'] } } } }
  const asker = await started(engine, 'one', { ...sleeper('front'), ...alias })
  await started(engine, 'two', { ...sleeper('front'), ...alias })
  const ask = async (name: string, type: number): Promise<{ code: number; data: number[][] }> => {
    const encoded = encodeDnsName(name)
    const message = new Uint8Array(encoded.length + 16)
    message.set([0, 7, 1, 0, 0, 1])
    message.set(encoded, 12)
    message.set([0, type, 0, 1], encoded.length + 12)
    const answer = await engine.machine.networks.names?.({
      container: asker,
      protocol: 'udp',
      message,
    })
    if (!answer) throw new Error('no answer')
    const count = answer[7] ?? 0
    const size = (answer.length - message.length) / Math.max(1, count)
    return {
      code: (answer[3] ?? 0) & 15,
      data: Array.from({ length: count }, (_, at) =>
        Array.from(
          answer.subarray(
            message.length + at * size + encoded.length + 10,
            message.length + (at + 1) * size,
          ),
        ),
      ),
    }
  }
  expect(await ask('two', dnsType.A)).toEqual({ code: 0, data: [[172, 18, 0, 3]] })
  expect(await ask('TWO.front', dnsType.A)).toEqual({ code: 0, data: [[172, 18, 0, 3]] })
  expect(await ask('two', dnsType.AAAA)).toEqual({ code: 0, data: [] })
  const turns = [await ask('pool', dnsType.A), await ask('pool', dnsType.A)]
  expect(turns.map(({ data }) => data[0]?.[3])).toEqual([2, 3])
  expect((await ask('3.0.18.172.in-addr.arpa', dnsType.PTR)).data[0]).toEqual([
    ...encodeDnsName('two.front'),
  ])
  expect((await ask('outside', dnsType.A)).code).toBe(dnsCode.noName)
  expect((await ask('nosuch', dnsType.A)).code).toBe(dnsCode.failed)
})
