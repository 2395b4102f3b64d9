import { expect, test } from 'vitest'
import { nameTrouble, shown, visible } from './paths.ts'

test.each([
  ['plain.txt', 'plain.txt'],
  ['日本 🐳', '日本 🐳'],
  ['new\nline', String.raw`new\nline`],
  ['a\u0007b\u202ec', String.raw`a\u0007b\u202ec`],
  ['\udcff\udc80x', String.raw`\xff\x80x`],
  ['💀', '💀'],
])('%j reads %s', (name, text) => {
  expect(visible(name)).toBe(text)
})

test('the home is ~', () => {
  expect(shown('/root')).toBe('~')
  expect(shown('/root/a/b')).toBe('~/a/b')
  expect(shown('/rooted')).toBe('/rooted')
})

test.each(['', '.', '..', 'a/b', 'a\0b'])('%j is no name', (name) => {
  expect(nameTrouble(name)).toBeDefined()
})

test.each([' ', '-rf', 'a\nb', '"', '.hidden'])('%j is a name', (name) => {
  expect(nameTrouble(name)).toBeUndefined()
})
