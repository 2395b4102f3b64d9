import { describe, expect, test } from 'vitest'
import { expand } from './shell-words.ts'

const env: Readonly<Record<string, string>> = { A: 'one.two.two', EMPTY: '', S: 'a b' }
const lookup = (name: string): string | undefined => env[name]

describe('modifiers', () => {
  test.each([
    ['$A', 'one.two.two'],
    ['${NO}', ''],
    ['${NO:-x${A}}', 'xone.two.two'],
    ['${EMPTY-x}', ''],
    ['${EMPTY:-x}', 'x'],
    ['${A:+y}', 'y'],
    ['${NO+y}', ''],
    ['${A#*.}', 'two.two'],
    ['${A##*.}', 'two'],
    ['${A%.*}', 'one.two'],
    ['${A%%.*}', 'one'],
    ['${A/two/2}', 'one.2.two'],
    ['${A//two/2}', 'one.2.2'],
    ['${A/t?o}', 'error'],
    ['${A/\\./-}', 'one-two.two'],
    ["'$A'", '$A'],
    ['"$S"', 'a b'],
    ['\\$A', '$A'],
    ['$', '$'],
  ])('%s', (source, expected) => {
    const result = (): string => expand(source, lookup, { escape: '\\' }).text
    if (expected === 'error') expect(result).toThrow()
    else expect(result()).toBe(expected)
  })

  test.each([
    ['${NO:?}', 'NO: is not allowed to be unset'],
    ['${EMPTY:?}', 'EMPTY: is not allowed to be empty'],
    ['${NO?why}', 'NO: why'],
    ['${A', 'unsupported modifier () in substitution'],
    ['${A:-', "syntax error: missing '}'"],
    ['${A:=x}', 'unsupported modifier (:=) in substitution'],
    ['"a', 'unexpected end of statement while looking for matching double-quote'],
  ])('%s is refused', (source, message) => {
    expect(() => expand(source, lookup, { escape: '\\' })).toThrow(message)
  })
})

test('words split at unquoted spaces only', () => {
  expect(expand('a$S"b c" \\  \'\'', lookup, { escape: '\\' }).words).toEqual([
    'aa',
    'bb c',
    ' ',
    '',
  ])
})

test('what is used and what is missing is told', () => {
  const { used, unset } = expand('$A $NO', lookup, { escape: '\\' })
  expect([[...used], [...unset]]).toEqual([['A'], ['NO']])
})
