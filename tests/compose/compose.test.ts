import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ComposeError } from '../../src/compose/compose-error.ts'
import { loadProject } from '../../src/compose/load-project.ts'
import type { Project } from '../../src/compose/project.ts'
import { projectJson, projectYaml, serviceHash } from '../../src/compose/render.ts'
import { directoryOf } from './compose-case.ts'
import type { ComposeCase, Recorded } from './compose-case.ts'
import { errors } from './errors.ts'
import { forms } from './forms.ts'
import { interpolation } from './interpolation.ts'
import { merging } from './merging.ts'

const { recorded } = JSON.parse(readFileSync('tests/golden/compose.json', 'utf8')) as {
  recorded: Readonly<Record<string, Recorded>>
}

async function load(given: ComposeCase, resolveEnvironment: boolean): Promise<Project> {
  const args = [...(given.args ?? [])]
  const values = (flag: string): string[] =>
    args.flatMap((arg, index) => (arg === flag ? [args[index + 1] ?? ''] : []))
  const [projectName] = values('-p')
  const directory = directoryOf(given)
  return loadProject({
    files: values('-f'),
    envFiles: values('--env-file'),
    profiles: values('--profile'),
    ...(projectName !== undefined && { projectName }),
    workingDirectory: directory,
    environment: { HOME: '/root', ...given.environment },
    readFile: (path) => Promise.resolve(given.files[path.slice(directory.length + 1)]),
    warn: () => undefined,
    resolveEnvironment,
  })
}

async function hashes(project: Project): Promise<string> {
  const lines: string[] = []
  for (const [name, service] of Object.entries(project.services)) {
    lines.push(`${name} ${await serviceHash(service)}\n`)
  }
  return lines.join('')
}

const all = [...forms, ...interpolation, ...merging, ...errors]
const sound = all.filter(({ name }) => recorded[name]?.exitCode === 0)
const unsound = all.filter(({ name }) => recorded[name]?.exitCode !== 0)

test.each(sound)('$name: the canonical document in YAML', async (given) => {
  expect(projectYaml(await load(given, true))).toBe(recorded[given.name]?.yaml)
})

// Compose can't print keys of ssh in JSON.
const inJson = sound.filter(({ name }) => recorded[name]?.json !== '')
test.each(inJson)('$name: the canonical document in JSON', async (given) => {
  expect(projectJson(await load(given, true))).toBe(recorded[given.name]?.json)
})

test.each(sound)('$name: the hashes of its services', async (given) => {
  expect(await hashes(await load(given, false))).toBe(recorded[given.name]?.hash)
})

// Parsers of YAML have their own words, and Compose names one of two equal services by chance.
const ownWords = ['bad yaml', 'tab', 'only a text', 'two container names']

test.each(unsound.filter(({ name }) => ownWords.includes(name)))(
  '$name: is refused',
  async (given) => {
    await expect(load(given, true)).rejects.toThrow(ComposeError)
  },
)

const sameWords = unsound.filter(({ name }) => !ownWords.includes(name))
test.each(sameWords)('$name: is refused in the same words', async (given) => {
  const fault = await load(given, true).then(
    () => '',
    (error: unknown) => (error instanceof Error ? error.message : ''),
  )
  expect(fault).toBe(recorded[given.name]?.stderr.replaceAll(/^msg=.*\n/gm, '').trimEnd())
})

test.each([
  ['unknown key', 'compose.yaml', 4, 5, 'services.web.imagee'],
  ['wrong type list', 'compose.yaml', 4, 5, 'services.web.ports'],
  ['required unset', 'compose.yaml', 4, 5, 'services.web.command'],
  ['duplicate key', 'compose.yaml', 3, 3, undefined],
])('%s: the fault is placed in %s at %i:%i', async (name, file, line, column, path) => {
  const given = all.find((one) => one.name === name)
  if (!given) throw new Error(`No case ${name}`)
  await expect(load(given, true)).rejects.toMatchObject({
    position: { file: `${directoryOf(given)}/${file}`, line, column },
    path,
  })
})
