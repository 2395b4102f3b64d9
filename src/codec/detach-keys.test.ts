import { expect, test } from 'vitest'
import { DEFAULT_DETACH_KEYS, DetachScanner, parseDetachKeys } from './detach-keys.ts'

test.each([
  [DEFAULT_DETACH_KEYS, [16, 17]],
  ['ctrl-a,a', [1, 97]],
  ['ctrl-@,ctrl-[,~,ctrl-_', [0, 27, 126, 31]],
  ['DEL,A', [127, 65]],
])('%s', (keys, bytes) => expect([...parseDetachKeys(keys)]).toEqual(bytes))

// A dockerd refuses each of them.
test.each([
  ['ctrl-A', 'ctrl-A'],
  ['a,ctrl-', 'ctrl-'],
  ['ctrl-ab', 'ctrl-ab'],
  ['shift-z', 'shift-z'],
  ['del', 'del'],
  ['a,é', 'é'],
  ['a,,b', ''],
])('%s is none', (keys, key) =>
  expect(() => parseDetachKeys(keys)).toThrow(`unknown character: '${key}'`),
)

/** What passes of each chunk, `!` where the user has left. */
function scanned(keys: string, ...chunks: string[]): string[] {
  const scanner = new DetachScanner(parseDetachKeys(keys))
  return chunks.map((chunk) => {
    const { bytes, detached } = scanner.scan(new TextEncoder().encode(chunk))
    return new TextDecoder().decode(bytes) + (detached ? '!' : '')
  })
}

test.each([
  ['x', ['abc'], ['abc']],
  ['x', ['axb'], ['a!']],
  ['x,y', ['ax', 'yb'], ['a', '!']],
  ['x,y', ['ax', 'b'], ['a', 'xb']],
  ['x,y', ['xxy'], ['x!']],
  ['x,x', ['xax', 'x'], ['xa', '!']],
])('%s in %j', (keys, chunks, passed) => expect(scanned(keys, ...chunks)).toEqual(passed))
