import { expect, test } from 'vitest'
import { findComposeFiles } from './find-compose-files.ts'

const find = async (directory: string, files: readonly string[]): Promise<unknown> => {
  const warnings: string[] = []
  const found = await findComposeFiles(directory, {
    readFile: (path) => Promise.resolve(files.includes(path) ? '' : undefined),
    warn: (message) => warnings.push(message),
  })
  return { found, warnings }
}

test('the nearest file upwards is taken, with its override', async () => {
  expect(
    await find('/home/user/web/src', [
      '/home/user/web/compose.yaml',
      '/home/user/web/compose.override.yml',
      '/compose.yaml',
    ]),
  ).toEqual({
    found: ['/home/user/web/compose.yaml', '/home/user/web/compose.override.yml'],
    warnings: [],
  })
})

test('of several names the newer is taken, with a warning', async () => {
  expect(await find('/', ['/docker-compose.yml', '/compose.yaml'])).toEqual({
    found: ['/compose.yaml'],
    warnings: [
      'Found multiple config files with supported names: /compose.yaml, /docker-compose.yml',
      'Using /compose.yaml',
    ],
  })
})

test('without any there are none', async () => {
  expect(await find('/home', [])).toEqual({ found: [], warnings: [] })
})
