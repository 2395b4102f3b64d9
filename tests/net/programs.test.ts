import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { docker } from '../support/memory-cli-host.ts'
import { leftovers, openLab, type NetworkLab } from '../support/network-lab.ts'

// Programs as people use them in courses, from the catalog: nginx, redis, a Python web application with its database.

let lab: NetworkLab

beforeAll(async () => {
  lab = await openLab()
  for (const image of ['nginx', 'redis', 'python:3-slim', 'debian:12-slim'])
    await lab.output(`pull -q ${image}`)
  await lab.output('network create shop')
}, 180_000)

afterAll(() => lab?.[Symbol.asyncDispose]())

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds)
  })

/** The answer of a server that may still be starting. */
async function served(url: string, init?: RequestInit): Promise<Response> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await fetch(url, init)
    } catch (error) {
      if (attempt === 200) throw error
      await pause(200)
    }
  }
}

const site = 'http://127.0.0.1:28601'

test('nginx serves its page to the host and, by name, to a neighbour', async () => {
  await lab.output('run -d --name web --network shop -p 28601:80 nginx')
  const answer = await served(`${site}/`)
  expect(answer.headers.get('server')).toMatch(/^nginx\//)
  expect(await answer.text()).toContain('Welcome to nginx!')
  expect(await lab.output('run --rm --network shop busybox wget -qO- http://web/')).toContain(
    'Welcome to nginx!',
  )
  expect((await fetch(`${site}/nosuch`)).status).toBe(404)
  const part = await fetch(`${site}/`, { headers: { range: 'bytes=0-14' } })
  expect([part.status, await part.text()]).toEqual([206, '<!doctype html>'])
  expect((await lab.docker('logs web')).out).toMatch(/"GET \/nosuch HTTP\/1\.1" 404/)
}, 120_000)

test('nginx takes templates, and reloads and stops by its signals', async () => {
  await lab.output(['exec', 'web', 'sh', '-c', 'echo changed > /usr/share/nginx/html/index.html'])
  await lab.output('exec web nginx -s reload')
  expect(await (await served(`${site}/`)).text()).toBe('changed\n')
  const script =
    'mkdir -p /etc/nginx/templates && echo \'server { listen ${PORT}; return 200 "$uri\\n"; }\'' +
    ' > /etc/nginx/templates/echo.conf.template && exec /docker-entrypoint.sh nginx -g "daemon off;"'
  const start = 'run -d --name echo --network shop -e PORT=8080 nginx sh -c'.split(' ')
  await lab.output([...start, script])
  const ask = 'until wget -qO- http://echo:8080/some/where; do sleep 0.2; done'
  expect(
    await lab.output(['run', '--rm', '--network', 'shop', 'busybox', 'sh', '-c', ask]),
  ).toContain('/some/where\n')
  await lab.output('stop -t 20 echo')
  expect(await lab.output('inspect -f {{.State.ExitCode}} echo')).toBe('0\n')
}, 120_000)

test('20 MB arrive whole, on the host and in a neighbour', async () => {
  const make = 'head -c 20000000 /dev/urandom > /usr/share/nginx/html/big; sha256sum'
  const sum = (await lab.inside('web', `${make} < /usr/share/nginx/html/big`)).out.slice(0, 64)
  const bytes = new Uint8Array(await (await fetch(`${site}/big`)).arrayBuffer())
  expect(bytes).toHaveLength(20_000_000)
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(sum)
  const fetchInside = 'wget -qO- http://web/big | sha256sum'
  const inside = await lab.output([
    ...'run --rm --network shop busybox sh -c'.split(' '),
    fetchInside,
  ])
  expect(inside.slice(0, 64)).toBe(sum)
}, 120_000)

test('200 connections at once are all answered', async () => {
  const answers = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const answer = await fetch(`${site}/`, { headers: { connection: 'close' } })
      return `${answer.status} ${await answer.text()}`
    }),
  )
  expect(new Set(answers)).toEqual(new Set(['200 changed\n']))
}, 120_000)

test('1,000 requests in turn, each on a connection of its own', async () => {
  // Not `fetch`: it would take a connection that was kept before, which the server may be about to close.
  for (let index = 0; index < 1000; index++) {
    const asked = get(`${site}/?${index}`, { agent: false })
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    if ((await text(answer)) !== 'changed\n') throw new Error(`request ${index} was not answered`)
  }
  // nginx logs a request when it has been answered.
  await expect
    .poll(async () => (await lab.docker('logs --tail 1 web')).out)
    .toContain('"GET /?999 HTTP/1.1" 200')
}, 180_000)

test('redis keeps what a client of another container gave it', async () => {
  await lab.output('volume create kept')
  await lab.output('run -d --name store --network shop -v kept:/data redis --save 60 1')
  const cli = (command: string) =>
    lab.docker(`run --rm --network shop redis redis-cli -h store ${command}`)
  for (let attempt = 0; (await cli('ping')).out !== 'PONG\n'; attempt++)
    if (attempt === 60) throw new Error((await lab.docker('logs store')).out)
  expect((await cli('set greeting hello')).out).toBe('OK\n')
  expect((await cli('incrby visits 41')).out).toBe('41\n')
  // Stopping saves: redis answers SIGTERM so.
  await lab.output('stop -t 20 store')
  await lab.output('rm store')
  await lab.output('run -d --name store --network shop -v kept:/data redis --save 60 1')
  for (let attempt = 0; (await cli('ping')).out !== 'PONG\n'; attempt++)
    if (attempt === 60) throw new Error((await lab.docker('logs store')).out)
  expect((await cli('get greeting')).out).toBe('hello\n')
  expect((await lab.inside('store', 'stat -c %U /data/dump.rdb; id -un 1>&2')).out).toBe('redis\n')
  expect(await lab.output('top store -o pid,user')).toMatch(/redis|\b10\d\b/)
}, 180_000)

test('a web application in Python, built here, counts its visits in redis', async () => {
  const dockerfile = `FROM python:3-slim
WORKDIR /app
RUN pip install flask redis
COPY <<'END' app.py
from flask import Flask
from redis import Redis
app = Flask(__name__)
store = Redis(host='store')
@app.get('/')
def visit():
    return f"visit {store.incr('visits')}\\n"
app.run(host='0.0.0.0', port=8000)
END
CMD ["python", "app.py"]
`
  const built = await docker(lab.engine.handler, ['build', '-t', 'visits', '-'], {
    stdin: dockerfile,
  })
  expect(built.code, built.out + built.err).toBe(0)
  await lab.output('run -d --name app --network shop -p 28602:8000 visits')
  const url = 'http://127.0.0.1:28602/'
  expect(await (await served(url)).text()).toBe('visit 42\n')
  expect(await (await fetch(url)).text()).toBe('visit 43\n')
}, 300_000)

test('nothing of it is left behind', async () => {
  const all = (await lab.output('ps -aq')).trim().split('\n')
  await lab.output(['rm', '-f', ...all])
  await lab.output('network rm shop')
  expect(await leftovers(lab)).toEqual([])
}, 120_000)
