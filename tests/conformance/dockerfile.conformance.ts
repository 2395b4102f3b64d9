import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseDockerfile } from '../../src/codec/dockerfile/parser.ts'
import { printTree } from '../../src/codec/dockerfile/print.ts'
import { expand } from '../../src/codec/dockerfile/shell-words.ts'

const vectors = process.env['DRYDOCK_VECTORS'] ?? ''
const read = (...names: string[]): string => readFileSync(join(vectors, ...names), 'utf8')
const folders = (name: string): string[] =>
  existsSync(join(vectors, name)) ? readdirSync(join(vectors, name)) : []
const cases = (name: string): string[] =>
  read('shell-words', name)
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))

describe('parse trees', () => {
  test.each(folders('dockerfile-parser'))('%s', (name) => {
    const tree = printTree(parseDockerfile(read('dockerfile-parser', name, 'Dockerfile')))
    expect(tree).toBe(read('dockerfile-parser', name, 'result').trim())
  })
})

describe('what is refused', () => {
  test.each(folders('dockerfile-parser-negative'))('%s', (name) => {
    expect(() => parseDockerfile(read('dockerfile-parser-negative', name, 'Dockerfile'))).toThrow()
  })
})

describe('variables', () => {
  const env = new Map([
    ['PWD', '/home'],
    ['SHELL', 'bash'],
    ['KOREAN', '한국어'],
    ['NULL', ''],
  ])
  const unix = cases('envVarTest').filter((line) => !line.startsWith('W'))
  test.each(unix.map((line) => line.split('|').map((part) => part.trim())))(
    '%s %s → %s',
    (_platform, input = '', expected = '') => {
      const result = (): string => expand(input, (name) => env.get(name), { escape: '\\' }).text
      if (expected === 'error') expect(result).toThrow()
      else expect(result()).toBe(expected)
    },
  )
})

describe('words', () => {
  test('each splits as written', () => {
    const env = new Map<string, string>()
    for (const line of cases('wordsTest')) {
      if (line.startsWith('ENV ')) {
        const [name = '', value = ''] = line.slice(4).split('=')
        env.set(name, value)
        continue
      }
      const [input = '', expected = ''] = line.split('|')
      const { words } = expand(input.trim(), (name) => env.get(name), { escape: '\\' })
      // The file shows words with their inner spaces and a comma between.
      expect(words.join(','), input).toBe(expected.replace(/^ /, '').replace(/^,/, ''))
    }
  })
})
