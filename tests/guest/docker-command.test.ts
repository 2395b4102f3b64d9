import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RuntimeProcess } from '../../src/core/runtime-spec.ts'
import { serveDocker } from '../../src/hosts/guest-cli/serve-docker.ts'
import { serveGuest } from '../../src/hosts/guest-services.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import type { MachineProcess } from '../../src/ports/machine/processes.ts'
import { CatalogTransport } from '../../src/storage/catalog.ts'
import { openEngine, type TestEngine } from '../support/api-client.ts'
import { catalogFiles } from '../support/catalog-files.ts'
import { processSpec } from '../support/container-spec.ts'
import { BUSYBOX, finish, startMachine } from '../support/guest.ts'
import { ImageRegistry } from '../support/image-registry.ts'

// The `docker` that a user types in the guest's shell: stub, connection, our CLI, our engine, and back.

let machine: GuestMachine
let engine: TestEngine
const stop = new AbortController()

beforeAll(async () => {
  machine = await startMachine({ hostRoot: { tree: BUSYBOX } })
  engine = await openEngine({
    machine,
    registry: new CatalogTransport(catalogFiles.open, new ImageRegistry()),
  })
  void serveGuest(machine.guest, {
    handler: engine.handler,
    requestId: () => 'guest',
    docker: (connection) => serveDocker(connection, engine.handler),
    log: () => undefined,
    signal: stop.signal,
  })
}, 120_000)

afterAll(async () => {
  await engine[Symbol.asyncDispose]()
  await machine[Symbol.asyncDispose]()
  stop.abort(new Error('the test is over'))
})

let count = 0
const start = (script: string, more: Partial<RuntimeProcess> = {}): Promise<MachineProcess> =>
  machine.processes.runOnHost({
    host: `shell-${++count}`,
    process: processSpec(['sh', '-c', script], { cwd: '/tmp', ...more }),
  })

const shell = async (
  script: string,
): Promise<{ out: string; err: string; code: number | undefined }> => {
  const { stdout, stderr, exit } = await finish(await start(script))
  return { out: stdout, err: stderr, code: 'code' in exit ? exit.code : undefined }
}

test('run, from a pull to the exit code', async () => {
  const { out, err, code } = await shell(
    'docker run --rm --network none busybox sh -c "echo hi; exit 7"',
  )
  expect(out).toBe('hi\n')
  expect(err).toContain("Unable to find image 'busybox:latest' locally")
  expect(code).toBe(7)
}, 60_000)

test('pipes, redirects and substitutions', async () => {
  expect(
    await shell('echo piped | docker run -i --rm --network none busybox cat | tr a-z A-Z'),
  ).toMatchObject({
    out: 'PIPED\n',
    code: 0,
  })
  expect((await shell('docker images -q > list; wc -l < list')).out.trim()).toBe('1')
  const { out } = await shell(
    'docker rm -f $(docker run -d --network none busybox sleep 100) | wc -c',
  )
  expect(out.trim()).toBe('65')
  // A reader that has enough ends the writer.
  expect((await shell('docker run --rm --network none busybox seq 5000 | head -n 2')).out).toBe(
    '1\n2\n',
  )
}, 60_000)

test('docker leaves the stdin of a loop alone', async () => {
  const { out } = await shell(
    'printf "a\\nb\\n" | while read -r line; do docker version >/dev/null; echo "got $line"; done',
  )
  expect(out).toBe('got a\ngot b\n')
}, 60_000)

test('files are the user’s own', async () => {
  const script = `printf 'X=from-file\\n' > env
    docker run --network none --env-file env --cidfile id --name filed busybox sh -c 'echo $X'
    [ "$(cat id)" = "$(docker inspect -f '{{.Id}}' filed)" ] && echo same
    docker run --rm --env-file missing busybox true`
  const { out, err, code } = await shell(script)
  expect(out).toBe('from-file\nsame\n')
  expect(err).toContain('docker: open /tmp/missing: no such file or directory')
  expect(code).toBe(125)
}, 60_000)

test('a terminal, its size, and Ctrl-C', async () => {
  const child = await start('docker run -it --rm --network none busybox sh; echo "ended $?"', {
    terminal: true,
    consoleSize: { width: 100, height: 30 },
  })
  let seen = ''
  const reading = (async () => {
    for await (const { bytes } of child.output) seen += new TextDecoder().decode(bytes)
  })()
  const writer = child.stdin.getWriter()
  const type = (text: string): Promise<void> => writer.write(new TextEncoder().encode(text))
  const until = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(seen)) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await until(/# /)
  await type('stty size\n')
  await until(/30 100/)
  await type('sleep 100\n')
  await new Promise((resolve) => setTimeout(resolve, 300))
  await type('\u0003')
  await type('exit 5\n')
  await reading
  expect(seen).toContain('ended 5')
}, 60_000)

test('signals reach the container, and a killed docker ends', async () => {
  const trapped = `docker run --rm --network none --name trap busybox sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done' &
    while ! docker logs trap 2>/dev/null | grep -q ready; do sleep 0.1; done
    kill -TERM $!; wait $!; echo "code $?"`
  expect((await shell(trapped)).out).toContain('code 9')
  const killed = `docker run --network none --name orphan busybox sleep 1000 & while ! docker ps -q --filter name=orphan | grep -q .; do sleep 0.1; done; kill -9 $!; wait $!; echo "code $?"; docker ps -q --filter name=orphan | wc -l; docker rm -f orphan`
  expect((await shell(killed)).out).toMatch(/code 137\n1\norphan\n/)
}, 60_000)

test('docker cp with the files of the guest', async () => {
  const { out } = await shell(`
    exec 2>&1
    docker run --network none --name source busybox sh -c 'mkdir /d; echo 1 > /d/f; ln /d/f /d/h; ln -s f /d/s; chmod 751 /d; touch -d "2001-02-03 04:05:06" /d/f'
    docker cp source:/d copied
    stat -c '%n %a' copied; stat -c '%n %a %h %Y' copied/f copied/h
    readlink copied/s
    mkdir in; echo hello > in/x; chmod 700 in/x
    docker cp in source:/new
    docker cp source:/new/x - | tar tv | cut -c 1-10
    docker diff source | sort
    docker export source | tar t | grep -c '^d/'
    docker rm source`)
  expect(out).toBe(
    [
      'copied 751',
      'copied/f 644 2 981173106',
      'copied/h 644 2 981173106',
      'f',
      '-rwx------',
      'A /d',
      'A /d/f',
      'A /d/h',
      'A /d/s',
      'A /new',
      'A /new/x',
      '4',
      'source',
      '',
    ].join('\n'),
  )
}, 60_000)

test('what is mounted below a volume later is seen as its propagation says', async () => {
  const base = processSpec([])
  const all = [...(base.capabilities?.bounding ?? []), 'CAP_SYS_ADMIN']
  const capabilities = {
    bounding: all,
    effective: all,
    permitted: all,
    inheritable: [],
    ambient: [],
  }
  const process = await start(
    `mkdir -p /home/m/late
    for mode in rslave rprivate; do docker run -d --name $mode -v /home/m:/x:$mode busybox sleep 1000 > /dev/null; done
    mount -t tmpfs late /home/m/late && echo seen > /home/m/late/f
    docker exec rslave cat /x/late/f; docker exec rprivate ls /x/late
    docker rm -f rslave rprivate > /dev/null; umount /home/m/late`,
    { capabilities },
  )
  expect(await finish(process)).toMatchObject({ stdout: 'seen\n', stderr: '' })
}, 60_000)
