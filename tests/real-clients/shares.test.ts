import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DockerCli, Transcript } from '../support/docker-cli.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'drydock-share-')))
const project = join(folder, 'project')
const other = join(folder, 'other')
let server: HeadlessServer
let docker: DockerCli

beforeAll(async () => {
  for (const directory of [project, other, join(folder, 'private')]) mkdirSync(directory)
  symlinkSync(project, join(folder, 'link'))
  symlinkSync(join(folder, 'private'), join(project, 'way-out'))
  server = await startServer(undefined, [project, join(folder, 'other')])
  docker = new DockerCli(server.address)
  await docker.output('pull', '-q', 'busybox')
}, 180_000)

afterAll(async () => {
  docker?.[Symbol.dispose]()
  await server?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const busybox = (script: string, ...options: string[]): Promise<string> =>
  docker.output('run', '--rm', ...options, 'busybox', 'sh', '-c', script)

describe('directories of the machine, by serve --share', () => {
  test('-v and --mount, to write and to read', async () => {
    writeFileSync(join(project, 'file'), 'from the machine\n')
    expect(
      await busybox('cat /x/file; echo out > /x/made; chmod 600 /x/made', '-v', `${project}:/x`),
    ).toBe('from the machine\n')
    expect(readFileSync(join(project, 'made'), 'utf8')).toBe('out\n')
    expect(statSync(join(project, 'made'))).toMatchObject({
      uid: process.getuid?.(),
      mode: 0o100600,
    })
    const bind = `type=bind,source=${project}/file,target=/y`
    expect(await busybox('cat /y', '--mount', `${bind},readonly`)).toBe('from the machine\n')
    const refused = await docker.run([
      'run',
      '--rm',
      '-v',
      `${project}:/x:ro`,
      'busybox',
      'touch',
      '/x/new',
    ])
    expect(refused.stderr).toContain('Read-only file system')
    expect(
      await busybox('cat /x/file /y/z', '-v', `${folder}/link:/x`, '-v', `${other}:/y`).catch(
        String,
      ),
    ).toContain('from the machine')
  })

  test('a missing source is made for -v, and an error for --mount', async () => {
    await busybox('echo 1 > /x/f', '-v', `${project}/new/deep:/x`)
    expect(readFileSync(join(project, 'new/deep/f'), 'utf8')).toBe('1\n')
    const missing = `${project}/absent`
    const mount = ['--mount', `type=bind,source=${missing},target=/x`]
    const refused = await docker.run(['create', ...mount, 'busybox'])
    expect(refused.stderr).toBe(
      `Error response from daemon: invalid mount config for type "bind": bind source path does not exist: ${missing}\n`,
    )
    expect(existsSync(missing)).toBe(false)
  })

  test.each([
    '/etc',
    `${folder}/private`,
    `${project}/way-out`,
    `${project}/../private`,
    '/nosuch/x',
    folder,
  ])('%s is not shared, and the error says how it would be', async (source) => {
    const { code, stderr } = await docker.run([
      'run',
      '--rm',
      '-v',
      `${source}:/x`,
      'busybox',
      'true',
    ])
    expect(code).toBe(125)
    expect(stderr).toMatch(
      /Mounts denied: the path \S+ is not shared with Drydock\. Start it with 'drydock serve --share /,
    )
    expect(existsSync('/nosuch')).toBe(false)
  })

  test('an edit on the machine is seen at once by who runs', async () => {
    const watcher = docker.spawn(
      'run',
      '--rm',
      '-v',
      `${project}:/x`,
      'busybox',
      'sh',
      '-c',
      'echo ready; until grep -q second /x/live 2>/dev/null; do usleep 50000; done; cat /x/live',
    )
    const transcript = new Transcript(watcher)
    await transcript.until(/ready/)
    writeFileSync(join(project, 'live'), 'first\n')
    writeFileSync(join(project, 'live'), 'second\n')
    await transcript.until(/second/)
  })

  test('cp, volumes-from and a volume that is a directory of the machine', async () => {
    writeFileSync(join(project, 'doc'), 'text\n')
    await docker.output('create', '--name', 'owner', '-v', `${project}:/x`, 'busybox', 'true')
    expect(await busybox('cat /x/doc', '--volumes-from', 'owner:ro')).toBe('text\n')
    await docker.output('cp', 'owner:/x/doc', join(folder, 'copy'))
    expect(readFileSync(join(folder, 'copy'), 'utf8')).toBe('text\n')
    await docker.output('cp', join(folder, 'copy'), 'owner:/x/copied')
    expect(readFileSync(join(project, 'copied'), 'utf8')).toBe('text\n')
    await docker.output('rm', 'owner')
    const options = ['type=none', 'o=bind', `device=${project}`].flatMap((one) => ['-o', one])
    await docker.output('volume', 'create', ...options, 'work')
    expect(await busybox('cat /w/doc', '-v', 'work:/w')).toBe('text\n')
    await docker.output('volume', 'rm', 'work')
    expect(existsSync(join(project, 'doc'))).toBe(true)
  })
})
