import { expect, test } from 'vitest'
import { openDocker, type Docker } from '../support/docker-client.ts'

// `--link` on the default bridge, and ports of a container with an IPv6 address: what the guest is asked for.

async function started(
  engine: Docker,
  name: string,
  body: Readonly<Record<string, unknown>>,
): Promise<string> {
  const id = await engine.create({ Image: 'demo', Cmd: ['sleep', '1000'], ...body }, name)
  const answer = await engine.request('POST', `/containers/${id}/start`)
  if (answer.status !== 204) throw new Error(answer.text)
  return id
}

test('a link gives names and variables, as a real one does', async () => {
  await using engine = await openDocker()
  await started(engine, 'store', {
    HostConfig: { NetworkMode: 'bridge' },
    Hostname: 'depot',
    Env: ['MODE=fast=er', 'PATH=/bin', 'HOME=/x'],
    ExposedPorts: { '6379/tcp': {}, '53/udp': {}, '80/tcp': {} },
  })
  const id = await started(engine, 'app', {
    Env: ['MY_DB_NAME=mine'],
    HostConfig: { NetworkMode: 'bridge', Links: ['store:my-db'] },
  })
  const start = engine.machine.containers.known.get(id)?.start
  expect(start?.files['hosts']).toContain('172.17.0.2\tmy-db depot store\n')
  const variables = start?.spec.process?.env?.filter((line) => line.startsWith('MY_DB_'))
  expect(variables).toEqual([
    'MY_DB_PORT=udp://172.17.0.2:53',
    'MY_DB_PORT_80_TCP=tcp://172.17.0.2:80',
    'MY_DB_PORT_80_TCP_ADDR=172.17.0.2',
    'MY_DB_PORT_80_TCP_PORT=80',
    'MY_DB_PORT_80_TCP_PROTO=tcp',
    'MY_DB_PORT_6379_TCP=tcp://172.17.0.2:6379',
    'MY_DB_PORT_6379_TCP_ADDR=172.17.0.2',
    'MY_DB_PORT_6379_TCP_PORT=6379',
    'MY_DB_PORT_6379_TCP_PROTO=tcp',
    'MY_DB_PORT_53_UDP=udp://172.17.0.2:53',
    'MY_DB_PORT_53_UDP_ADDR=172.17.0.2',
    'MY_DB_PORT_53_UDP_PORT=53',
    'MY_DB_PORT_53_UDP_PROTO=udp',
    'MY_DB_NAME=mine',
    'MY_DB_ENV_MODE=fast=er',
    // The image's own.
    'MY_DB_ENV_A=1',
  ])
})

// Asked of Docker 28.5.2: `docker run --link` to a container that exposes these.
test.each([
  [
    ['80/tcp', '81/tcp', '82/udp', '83/tcp'],
    ['80_TCP', '81_TCP', '83_TCP', '80_TCP-81_TCP', '82_UDP'],
  ],
  [
    ['5/tcp', '6/tcp', '8/tcp', '9/tcp', '9/udp'],
    ['5_TCP', '6_TCP', '8_TCP', '5_TCP-6_TCP', '9_TCP', '9_UDP', '8_TCP-9_TCP'],
  ],
  [
    ['53/udp', '54/udp', '53/tcp', '54/tcp'],
    ['53_TCP', '54_TCP', '53_UDP', '53_TCP-54_TCP', '54_UDP', '53_UDP-54_UDP'],
  ],
])('ports in a row have variables for the row: %j', async (exposed, order) => {
  await using engine = await openDocker()
  await started(engine, 'store', {
    HostConfig: { NetworkMode: 'bridge' },
    ExposedPorts: Object.fromEntries(exposed.map((port) => [port, {}])),
  })
  const id = await started(engine, 'app', {
    HostConfig: { NetworkMode: 'bridge', Links: ['store:db'] },
  })
  const env = engine.machine.containers.known.get(id)?.start.spec.process?.env ?? []
  const lines = order.flatMap((entry) => {
    const [[first = '', protocol = ''] = [], [last] = []] = entry
      .split('-')
      .map((port) => port.split('_'))
    const prefix = `DB_PORT_${first}_${protocol}`
    const url = (port: string): string => `${protocol.toLowerCase()}://172.17.0.2:${port}`
    return last === undefined
      ? [
          `${prefix}=${url(first)}`,
          `${prefix}_ADDR=172.17.0.2`,
          `${prefix}_PORT=${first}`,
          `${prefix}_PROTO=${protocol.toLowerCase()}`,
        ]
      : [
          `${prefix}_START=${url(first)}`,
          `${prefix}_PORT_START=${first}`,
          `${prefix}_END=${url(last)}`,
          `${prefix}_PORT_END=${last}`,
        ]
  })
  expect(env.filter((line) => line.startsWith('DB_PORT_'))).toEqual(lines)
})

test('a port of an IPv6 address leads to the container’s own, if it has one', async () => {
  await using engine = await openDocker()
  await engine.post('/networks/create', {
    Name: 'six',
    EnableIPv6: true,
    IPAM: { Config: [{ Subnet: '10.60.0.0/24' }, { Subnet: 'fd00:60::/64' }] },
  })
  const ports = { '80/tcp': [{ HostIp: '', HostPort: '8080' }] }
  const six = await started(engine, 'both', {
    HostConfig: { NetworkMode: 'six', PortBindings: ports },
  })
  expect(engine.machine.containers.known.get(six)?.start.network?.ports).toEqual([
    { protocol: 'tcp', hostPort: 8080, address: '10.60.0.2', port: 80 },
    { protocol: 'tcp', hostIp: '::', hostPort: 8080, address: 'fd00:60::2', port: 80 },
  ])
  const four = await started(engine, 'four', {
    HostConfig: {
      NetworkMode: 'bridge',
      PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8081' }] },
    },
  })
  expect(engine.machine.containers.known.get(four)?.start.network?.ports).toHaveLength(1)
})
