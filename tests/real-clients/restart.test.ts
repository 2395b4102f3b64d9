import { setTimeout as sleep } from 'node:timers/promises'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { DockerCli } from '../support/docker-cli.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'

const data = mkdtempSync(join(tmpdir(), 'drydock-restart-'))
afterAll(() => rmSync(data, { recursive: true, force: true }))

const words = (line: string): string[] => line.split(' ')

/** An engine over the same folder as the last one, with a client. */
async function open(): Promise<{ server: HeadlessServer; docker: DockerCli }> {
  const server = await startServer(data)
  return { server, docker: new DockerCli(server.address) }
}

const status = async (docker: DockerCli, name: string): Promise<string> =>
  (await docker.output('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', name)).trim()

test('after kill -9 everything is there, and policies are obeyed; after a panic, too', async () => {
  const first = await open()
  {
    const { docker } = first
    await docker.output('pull', '-q', 'busybox')
    await docker.output('network', 'create', '--label', 'tier=one', 'front')
    const run = (...args: string[]): Promise<string> => docker.output('run', '-d', ...args)
    for (const policy of ['no', 'always', 'unless-stopped', 'on-failure'])
      await run('--name', policy, '--restart', policy, 'busybox', 'sleep', '1000')
    await run('--name', 'stopped', '--restart', 'unless-stopped', 'busybox', 'sleep', '1000')
    await docker.output('kill', 'stopped')
    await run(...words('--name brief --rm -v /own busybox sleep 1000'))
    const script = 'echo out; echo err >&2; echo layer > /file; echo volume > /d/file; exit 3'
    const kept = await docker.run([
      ...words('run --name kept --network front -v data:/d busybox sh -c'),
      script,
    ])
    expect(kept.code).toBe(3)
    await docker.output('rename', 'kept', 'renamed')
    await docker.output(...words('run --rm -v data:/d busybox sync'))
  }
  await first.server.kill()
  first.docker[Symbol.dispose]()
  const second = await open()
  {
    const { docker } = second
    for (const name of ['always', 'unless-stopped', 'on-failure'])
      await expect.poll(() => status(docker, name), { timeout: 30_000 }).toBe('running 0')
    expect(await status(docker, 'no')).toBe('exited 255')
    expect(await status(docker, 'stopped')).toBe('exited 137')
    expect(await status(docker, 'renamed')).toBe('exited 3')
    const logs = await docker.run(['logs', 'renamed'])
    expect([logs.stdout, logs.stderr]).toEqual(['out\n', 'err\n'])
    expect(await docker.output('diff', 'renamed')).toContain('A /file')
    expect(await docker.output(...words('run --rm -v data:/d busybox cat /d/file'))).toBe(
      'volume\n',
    )
    expect(await docker.output('volume', 'ls', '-q')).toBe('data\n')
    expect(await docker.output('network', 'inspect', '-f', '{{.Labels.tier}}', 'front')).toBe(
      'one\n',
    )
    expect(await docker.output('ps', '-a', '--format', '{{.Names}}')).not.toContain('brief')
    expect(await docker.output('exec', 'always', 'echo', 'in')).toBe('in\n')

    // The kernel goes down with all of them, the engine stays.
    const panic = docker.spawn(
      ...words('run --rm --privileged busybox sh -c'),
      'echo c > /proc/sysrq-trigger',
    )
    await new Promise((resolve) => panic.once('exit', resolve))
    for (const name of ['always', 'unless-stopped', 'on-failure'])
      await expect.poll(() => status(docker, name), { timeout: 60_000 }).toBe('running 0')
    expect(await status(docker, 'no')).toBe('exited 255')
    expect(await docker.output(...words('run --rm -v data:/d busybox cat /d/file'))).toBe(
      'volume\n',
    )
    expect(await docker.output('start', 'renamed')).toBe('renamed\n')
    expect(await docker.output('wait', 'renamed')).toBe('3\n')
  }
  await second.server.kill()
  second.docker[Symbol.dispose]()
}, 240_000)

test('killed in the middle of what it does, it is whole again: no name is blocked, nothing is half there', async () => {
  const operations = [
    'run -d --name new -v /own busybox sleep 1000',
    'create --name new -v named:/n busybox true',
    'rm -f -v old',
    'commit old snap',
    'volume create new',
    'run --rm --name new busybox true',
  ]
  for (const [round, operation] of operations.entries()) {
    const { server, docker } = await open()
    await docker.run(words('rm -f -v old new'))
    await docker.run(words('volume rm -f new named'))
    await docker.output(...words('run -d --name old -v /own busybox sleep 1000'))
    const client = docker.spawn(...words(operation))
    const ended = new Promise<number | null>((resolve) => client.once('exit', resolve))
    await Promise.race([ended, sleep(20 + 37 * round)])
    const answered = client.exitCode === 0
    await server.kill()
    await ended
    docker[Symbol.dispose]()

    const again = await open()
    const names = (await again.docker.output('ps', '-a', '--format', '{{.Names}}')).split('\n')
    if (operation.startsWith('rm')) expect(answered && names.includes('old')).toBe(false)
    if (operation.startsWith('create')) expect(names.includes('new') || !answered).toBe(true)
    for (const name of names.filter((one) => one !== ''))
      // A removal that had begun is completed in the background.
      await expect
        .poll(() => status(again.docker, name).catch(() => 'gone'), { timeout: 30_000 })
        .toMatch(/^(created 0|exited \d+|running 0|gone)$/)
    // Whatever was begun can be done now.
    await again.docker.run(words('rm -f -v new'))
    expect(await again.docker.output(...words('run --rm --name new busybox echo on'))).toBe('on\n')
    const own = await again.docker.output(...words('volume ls -q -f dangling=true'))
    expect(own.split('\n').filter((name) => /^[0-9a-f]{64}$/.test(name))).toEqual([])
    await again.server.kill()
    again.docker[Symbol.dispose]()
  }
}, 400_000)
