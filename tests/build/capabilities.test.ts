import { afterAll, beforeAll, expect, test } from 'vitest'
import { build, call, nodeAt, savedImage } from '../support/build-images.ts'
import { DockerCli } from '../support/docker-cli.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'
import { tarOf } from '../support/image-registry.ts'

let server: HeadlessServer
let docker: DockerCli

beforeAll(async () => {
  server = await startServer()
  docker = new DockerCli(server.address)
  for (const image of ['python', 'busybox']) {
    await call(server.socket, 'POST', `/images/create?fromImage=${image}&tag=latest`)
  }
}, 180_000)

afterAll(async () => {
  docker?.[Symbol.dispose]()
  await server?.[Symbol.asyncDispose]()
})

/** What `setcap cap_dac_override+ep` writes: struct vfs_cap_data, revision 2 (Linux include/uapi/linux/capability.h). */
const CAPABILITY = '0100000202000000000000000000000000000000'
const setcap = (path: string): string =>
  `python3 -c 'import os; os.setxattr("${path}", "security.capability", bytes.fromhex("${CAPABILITY}"))'`

async function built(name: string, lines: readonly string[]) {
  const tar = tarOf({ Dockerfile: `${lines.join('\n')}\n` })
  expect((await build(server.socket, tar, { t: name })).error).toBeUndefined()
  const image = await savedImage(server.socket, name)
  return {
    capabilityOf: (path: string): string | undefined => {
      const value = nodeAt(image.root, path)?.xattrs?.['security.capability']
      return value && Buffer.from(value).toString('hex')
    },
    /** Paths of the last layer that have one. */
    inLayer: image.layers
      .at(-1)
      ?.entries.filter(({ xattrs }) => xattrs?.['security.capability'])
      .map(({ path }) => path),
  }
}

/** What a process without any right reads of a file that is root's alone. */
const asNobody = (image: string, program: string) =>
  docker.run(['run', '--rm', '--network', 'none', '--user', '1000', image, program, '/secret'])

test('a capability that RUN sets is in the layer, in later ones, and in force for a user without rights', async () => {
  const first = await built('capable', [
    'FROM python',
    'RUN echo known > /secret && chmod 600 /secret && cp /bin/cat /bin/reader',
    `RUN ${setcap('/bin/reader')}`,
  ])
  expect(first.inLayer).toEqual([expect.stringMatching(/bin\/reader$/)])
  const { bytes } = await call(server.socket, 'GET', '/images/capable/get')
  expect(Buffer.from(bytes).includes('SCHILY.xattr.security.capability=')).toBe(true)
  expect(await asNobody('capable', 'reader')).toMatchObject({ code: 0, stdout: 'known\n' })
  expect(await asNobody('capable', 'cat')).toMatchObject({ code: 1 })
  // From the base it goes with the file that a step moves, and with no copy of its content.
  const second = await built('capable:2', [
    'FROM capable',
    'RUN mv /bin/reader /bin/moved && cp /bin/moved /bin/plain && chmod 711 /bin/moved',
  ])
  expect(second.inLayer).toEqual([expect.stringMatching(/bin\/moved$/)])
  expect(await asNobody('capable:2', 'moved')).toMatchObject({ code: 0, stdout: 'known\n' })
  expect(await asNobody('capable:2', 'plain')).toMatchObject({ code: 1 })
  const third = await built('capable:3', [
    'FROM busybox',
    'COPY --from=capable:2 /usr/bin/moved /bin/copied',
  ])
  expect(third.capabilityOf('bin/copied')).toBe(CAPABILITY)
}, 240_000)
