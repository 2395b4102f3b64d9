import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { leftovers, openLab, type NetworkLab } from '../support/network-lab.ts'

// What must not stay behind when containers, networks and clients go away in the middle of what they do: streams, sockets,
// namespaces, links, rules, processes.

let lab: NetworkLab
let before: readonly string[]

beforeAll(async () => {
  lab = await openLab()
  // One container that came and went, so that what is made once is there.
  await lab.output('run --rm -p 28700:80 busybox true')
  before = await census()
}, 180_000)

afterAll(() => lab?.[Symbol.asyncDispose]())

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds)
  })

/** What there is in the guest, counted. */
async function census(): Promise<readonly string[]> {
  const { out } = await lab.host(`
    echo "sockets $(ss -Htan | wc -l)"
    echo "bridges $(ip -o link show type bridge | cut -d: -f2 | sort | tr -d '\\n')"
    echo "rules $(nft list ruleset | wc -l)"
    echo "cgroups $(ls -d /sys/fs/cgroup/docker/*/ 2>/dev/null | wc -l)"
    echo "mounts $(grep -c overlay /proc/1/mountinfo)"
    echo "descriptors $(ls /proc/1/fd | wc -l)"`)
  return out.trim().split('\n')
}

/** The same as before anything was done, a little later: the guest tidies up behind the answer. */
async function untilTidy(): Promise<void> {
  let now = await census()
  for (let attempt = 0; attempt < 240 && now.join() !== before.join(); attempt++) {
    await pause(250)
    now = await census()
  }
  expect(now).toEqual(before)
  expect(await leftovers(lab)).toEqual([])
}

/** A container that sends for as long as somebody reads. */
const source = (name: string, options: string): Promise<string> =>
  lab.output(`run -d --name ${name} ${options} busybox nc -ll -p 80 -e yes`)

/** A connection to a published port that has sent so many bytes. */
async function flowing(port: number, bytes = 200_000): Promise<Socket> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    let seen = 0
    const flows = await new Promise<boolean>((resolve) => {
      socket.on('data', (chunk) => {
        seen += chunk.length
        if (seen >= bytes) resolve(true)
      })
      socket.once('close', () => resolve(false))
    })
    if (flows) return socket
    await pause(100)
  }
  throw new Error(`nothing flows from port ${port}`)
}

const closed = (socket: Socket): Promise<void> =>
  socket.destroyed
    ? Promise.resolve()
    : new Promise((resolve) => socket.once('close', () => resolve()))

test('containers killed in the middle of their transfers', async () => {
  await lab.output('network create busy')
  await source('sender', '--network busy -p 28701:80')
  const sockets = await Promise.all(Array.from({ length: 5 }, () => flowing(28_701)))
  const ends = Promise.all(sockets.map(closed))
  await lab.output('kill sender')
  // Each client sees an end, none waits for ever.
  await ends
  await lab.output('rm -f sender')
  await lab.output('network rm busy')
  await untilTidy()
}, 120_000)

test('a network in use stays, and goes once it is left under load', async () => {
  await lab.output('network create busy')
  await source('sender', '--network busy -p 28702:80')
  const socket = await flowing(28_702)
  const { code, err } = await lab.docker('network rm busy')
  expect(code).toBe(1)
  expect(err).toMatch(/network busy .*has active endpoints/)
  const end = closed(socket)
  await lab.output('network disconnect -f busy sender')
  await lab.output('network rm busy')
  await lab.output('rm -f sender')
  await end
  await untilTidy()
}, 120_000)

test('clients that vanish without reading', async () => {
  await source('sender', '-p 28703:80')
  for (let round = 0; round < 20; round++) {
    const socket = await flowing(28_703, 1000)
    socket.pause()
    if (round % 2 === 0) socket.destroy()
    else socket.resetAndDestroy()
  }
  await lab.output('rm -f sender')
  await untilTidy()
}, 120_000)

test('a client that never closes holds nobody else up', async () => {
  await source('sender', '-p 28704:80')
  const idle = await flowing(28_704, 1000)
  idle.pause()
  for (let round = 0; round < 5; round++) (await flowing(28_704, 1_000_000)).destroy()
  const end = closed(idle.resume())
  await lab.output('rm -f sender')
  await end
  await untilTidy()
}, 120_000)

test('starts, stops, connects and disconnects in any order', async () => {
  for (const name of ['one', 'two', 'three']) await lab.output(`network create ${name}`)
  // The same order each time (a linear congruential generator, Numerical Recipes' constants).
  let state = 42
  const pick = <T>(choices: readonly T[]): T => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const choice = choices[Math.floor((state / 2 ** 32) * choices.length)]
    if (choice === undefined) throw new RangeError('nothing to choose from')
    return choice
  }
  const names = ['ann', 'ben', 'cat', 'dan']
  await Promise.all(
    names.map(async (name, at) => {
      await lab.output(
        `run -d --name ${name} --network one -p 2871${at}:80 busybox nc -ll -p 80 -e yes`,
      )
    }),
  )
  for (let round = 0; round < 12; round++) {
    const steps = names.map((name) => {
      const network = pick(['one', 'two', 'three'])
      return pick([
        `kill ${name}`,
        `start ${name}`,
        `restart -t 0 ${name}`,
        `network connect ${network} ${name}`,
        `network disconnect ${network} ${name}`,
        `exec ${name} wget -T 1 -O /dev/null http://${pick(names)}/`,
      ])
    })
    const load = connect(28_710 + (round % 4), '127.0.0.1').on('error', () => undefined)
    load.resume()
    // Some can't be: what is asked of a stopped container is refused. That it ends is what counts.
    await Promise.all(steps.map((step) => lab.docker(step)))
    load.destroy()
  }
  await lab.output(['rm', '-f', ...names])
  await lab.output('network rm one two three')
  await untilTidy()
}, 300_000)
