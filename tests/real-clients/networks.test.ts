import { createServer } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DockerCli } from '../support/docker-cli.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'

// Networks by the unmodified docker CLI. Sentences and shapes are those of a real dockerd (28.5), asked in the same way.
let server: HeadlessServer
let docker: DockerCli

beforeAll(async () => {
  server = await startServer()
  docker = new DockerCli(server.address)
  await docker.output('pull', '-q', 'busybox')
}, 180_000)

afterAll(async () => {
  docker?.[Symbol.dispose]()
  await server?.[Symbol.asyncDispose]()
})

const words = (line: string): string[] => line.split(' ')
const output = (line: string): Promise<string> => docker.output(...words(line))
const refused = async (line: string): Promise<string> => {
  const { code, stderr } = await docker.run(words(line))
  expect(code).not.toBe(0)
  return stderr
}
const inspect = async <T>(name: string, format: string): Promise<T> =>
  JSON.parse(await docker.output('inspect', '-f', `{{json ${format}}}`, name)) as T

const page = async (port: number): Promise<string> => {
  for (let attempt = 0; ; attempt++) {
    try {
      return await (await fetch(`http://127.0.0.1:${port}/hostname`)).text()
    } catch (error) {
      // The server in the container may not listen yet.
      if (attempt === 50) throw error
      await new Promise((resolve) => {
        setTimeout(resolve, 100)
      })
    }
  }
}

test('ls, inspect and the default bridge', async () => {
  expect(
    (await output('network ls --format {{.Name}}:{{.Driver}}:{{.Scope}}')).split('\n'),
  ).toEqual(['bridge:bridge:local', 'host:host:local', 'none:null:local', ''])
  const [bridge] = JSON.parse(await output('network inspect bridge')) as [Record<string, unknown>]
  expect(bridge).toMatchObject({
    IPAM: {
      Driver: 'default',
      Options: null,
      Config: [{ Subnet: '172.17.0.0/16', Gateway: '172.17.0.1' }],
    },
    Options: { 'com.docker.network.bridge.name': 'docker0' },
    Labels: {},
  })
  const text = await output('run --rm busybox ip -4 addr show eth0')
  expect(text).toContain('inet 172.17.0.2/16 brd 172.17.255.255 scope global eth0')
})

test('a user’s network: created, used, in use, removed', async () => {
  const id = (await output('network create --label team=a front')).trim()
  expect(id).toMatch(/^[0-9a-f]{64}$/)
  await output(
    'run -d --name web --network front --network-alias www -p 28580:80 -p 127.0.0.1::81 busybox httpd -f -h /etc',
  )
  const settings = await inspect<{
    Ports: Record<string, { HostIp: string; HostPort: string }[]>
    IPAddress: string
    Networks: Record<string, Record<string, unknown>>
  }>('web', '.NetworkSettings')
  expect(settings.IPAddress).toBe('')
  expect(settings.Ports['80/tcp']).toEqual([
    { HostIp: '0.0.0.0', HostPort: '28580' },
    { HostIp: '::', HostPort: '28580' },
  ])
  const containerId = await inspect<string>('web', '.Id')
  expect(settings.Networks['front']).toMatchObject({
    Aliases: ['www'],
    NetworkID: id,
    Gateway: '172.18.0.1',
    IPAddress: '172.18.0.2',
    IPPrefixLen: 16,
    DNSNames: ['web', 'www', containerId.slice(0, 12)],
  })
  expect(await output('port web 80')).toBe('0.0.0.0:28580\n[::]:28580\n')
  expect(await output('ps --format {{.Ports}}')).toMatch(
    /^0\.0\.0\.0:28580->80\/tcp, \[::\]:28580->80\/tcp, 127\.0\.0\.1:\d+->81\/tcp\n$/,
  )
  expect(await page(28_580)).toBe(`${containerId.slice(0, 12)}\n`)
  expect(await output('run --rm --network front busybox wget -qO- http://www/hostname')).toBe(
    `${containerId.slice(0, 12)}\n`,
  )
  expect(await output('ps -q --filter network=front')).toHaveLength(13)
  expect(await refused('network rm front')).toMatch(
    /error while removing network: network front has active endpoints \(name:"web" id:"[0-9a-f]{12}"\)/,
  )
  const members = await inspect<Record<string, { Name: string; IPv4Address: string }>>(
    'front',
    '.Containers',
  )
  expect(members[containerId]).toMatchObject({ Name: 'web', IPv4Address: '172.18.0.2/16' })
  await output('stop -t 0 web')
  expect((await inspect<Record<string, unknown>>('web', '.NetworkSettings'))['Ports']).toEqual({})
  await output('start web')
  expect(await page(28_580)).toBe(`${containerId.slice(0, 12)}\n`)
  await output('rm -f web')
  await output('network rm front')
}, 60_000)

test.each([
  ['network create bridge', 'operation is not permitted on predefined bridge network'],
  ['network rm host', 'host is a pre-defined network and cannot be removed'],
  ['network create -d nosuch n1', 'plugin "nosuch" not found'],
  [
    'network create --subnet 172.17.9.0/24 n1',
    'invalid pool request: Pool overlaps with other one on this address space',
  ],
  [
    'network create --subnet 10.1.2.3/33 n1',
    'invalid network config:\ninvalid subnet 10.1.2.3/33: invalid CIDR block notation',
  ],
  [
    'network create --subnet 10.1.2.3/24 n1',
    'invalid subnet 10.1.2.3/24: it should be 10.1.2.0/24',
  ],
  ['network rm nosuch', 'network nosuch not found'],
  [
    'run --rm --network nosuch busybox true',
    'failed to set up container networking: network nosuch not found',
  ],
  [
    'run --rm --ip 172.17.0.9 busybox true',
    '* user specified IP address is supported on user defined networks only\n* user specified IP address is supported only when connecting to networks with user configured subnets',
  ],
  [
    'run --rm --network container:nosuch busybox true',
    'joining network namespace of container: No such container: nosuch',
  ],
  [
    'run --rm -p 1.2.3.4:28581:80 busybox true',
    'failed to bind host port for 1.2.3.4:28581:172.17.0.2:80/tcp: cannot assign requested address',
  ],
  ['run --rm -p 70000:80 busybox true', 'Invalid hostPort: 70000'],
  ['run --rm --link nosuch:db busybox true', 'nosuch'],
])('%s', async (line, message) => {
  expect(await refused(line)).toContain(message)
  await docker.run(['container', 'prune', '-f'])
})

test('ports that are taken: by a container, and by another program', async () => {
  await output('run -d --name one -p 28582:80 busybox sleep 1000')
  expect(await refused('run --rm --name two -p 28582:80 busybox true')).toMatch(
    /driver failed programming external connectivity on endpoint two \([0-9a-f]{64}\): Bind for 0\.0\.0\.0:28582 failed: port is already allocated/,
  )
  const other = createServer()
  await new Promise<void>((resolve) => {
    other.listen(28_583, '127.0.0.1', resolve)
  })
  expect(await refused('run --rm -p 28583:80 busybox true')).toMatch(
    /failed to bind host port for 0\.0\.0\.0:28583:172\.17\.0\.3:80\/tcp: address already in use/,
  )
  other.close()
  // A range takes the first that is free; what was refused is free again.
  await output('run -d --name three -p 28582-28584:80 busybox sleep 1000')
  expect(await output('port three 80')).toContain('0.0.0.0:28583')
  await output('run -d --name four -P --expose 90 --expose 91/udp busybox sleep 1000')
  expect(await output('port four')).toMatch(
    /90\/tcp -> 0\.0\.0\.0:\d+\n[^]*91\/udp -> 0\.0\.0\.0:\d+/,
  )
  await output('rm -f one three four')
}, 60_000)

test('addresses of one’s choice, and none left', async () => {
  await output('network create --subnet 10.60.0.0/30 tiny')
  await output('run -d --name t1 --network tiny busybox sleep 1000')
  expect(await refused('run --rm --network tiny busybox true')).toMatch(
    /no available IPv4 addresses on this network's address pools: tiny \([0-9a-f]{64}\)/,
  )
  await output(
    'network create --internal --subnet 10.61.0.0/16 --ip-range 10.61.7.0/24 --gateway 10.61.0.254 --aux-address a=10.61.7.1 range',
  )
  expect(await output('run --rm --network range busybox hostname -i')).toBe('10.61.7.0\n')
  await output(
    'run -d --name r1 --network range --ip 10.61.9.9 --mac-address 02:42:00:00:00:09 busybox sleep 1000',
  )
  expect(await refused('run --rm --network range --ip 10.61.9.9 busybox true')).toContain(
    'failed to set up container networking: Address already in use',
  )
  expect(await refused('run --rm --network range --ip 10.62.9.9 busybox true')).toContain(
    'no configured subnet or ip-range contain the IP address 10.62.9.9',
  )
  expect(await output('exec r1 cat /sys/class/net/eth0/address')).toBe('02:42:00:00:00:09\n')
  expect(await output('exec r1 ip route')).not.toContain('default')
  await output('rm -f t1 r1')
  await output('network rm tiny range')
}, 60_000)

test('connect, disconnect, prune', async () => {
  await output('network create one')
  await output('network create --label keep two')
  await output('run -d --name box --network one busybox sleep 1000')
  await output('network connect --alias also two box')
  expect(await refused('network connect two box')).toContain(
    'endpoint with name box already exists in network two',
  )
  expect(await output('exec box ip route')).toMatch(/default via 172\.18\.0\.1 dev eth0/)
  expect(await output('exec box cat /etc/hosts')).toMatch(
    /172\.18\.0\.2\t\w+\n172\.19\.0\.2\t\w+\n/,
  )
  await output('network connect bridge box')
  expect(await output('exec box ip route')).toMatch(/default via 172\.17\.0\.1 dev eth2/)
  await output('network disconnect bridge box')
  await output('network disconnect one box')
  expect(await output('exec box ip route')).toMatch(/^default via 172\.19\.0\.1 dev eth1/)
  expect(await refused('network disconnect one box')).toMatch(
    /container [0-9a-f]{64} is not connected to network one/,
  )
  expect(await refused('network connect host box')).toContain(
    'cannot connect container to host network - container must be created in host network mode',
  )
  expect(await output('network prune -f --filter label!=keep')).toBe('Deleted Networks:\none\n\n')
  await output('restart -t 0 box')
  expect(await output('exec box hostname -i')).toBe('172.19.0.2\n')
  expect(await output('network ls -q --filter dangling=true')).toBe('')
  await output('rm -f box')
  await output('network rm two')
}, 60_000)

test('hosts and resolv.conf', async () => {
  await output('network create names')
  const files = await output(
    'run --rm --network names --hostname hh --add-host foo:1.2.3.4 --add-host gw:host-gateway --dns 9.9.9.9 --dns-search ex.com --dns-option ndots:2 busybox cat /etc/hosts /etc/resolv.conf',
  )
  expect(files).toContain('ff02::2\tip6-allrouters\n1.2.3.4\tfoo\n172.17.0.1\tgw\n172.18.0.2\thh\n')
  expect(files).toContain('nameserver 127.0.0.11\nsearch ex.com\noptions ndots:2\n')
  expect(files).toContain(
    '# ExtServers: [9.9.9.9]\n# Overrides: [nameservers search options]\n# Option ndots from: override\n',
  )
  await output('network rm names')
})

test('a network outlives the engine, and its containers come back into it', async () => {
  await output('network create --subnet 10.70.0.0/24 kept')
  await output(
    'run -d --name old --restart always --network kept -p 28585:80 busybox httpd -f -h /etc',
  )
  await page(28_585)
  await server.kill()
  docker[Symbol.dispose]()
  const { data } = server
  server = await startServer(data)
  docker = new DockerCli(server.address)
  expect(await page(28_585)).toMatch(/^[0-9a-f]{12}\n$/)
  expect(await output('exec old hostname -i')).toBe('10.70.0.2\n')
  await output('rm -f old')
  await output('network rm kept')
}, 120_000)

test('host mode and stats', async () => {
  const { stderr } = await docker.run(words('run --rm --network host -p 80:80 busybox true'))
  expect(stderr).toContain('WARNING: Published ports are discarded when using host network mode')
  await output('run -d --name busy busybox ping 172.17.0.1')
  expect(await output('stats --no-stream --format {{.NetIO}} busy')).toMatch(/^\d+.*B \/ \d+.*B\n$/)
  await output('rm -f busy')
})
