import { expect, test } from 'vitest'
import { heredocText } from './heredoc.ts'
import { parseDockerfile } from './parser.ts'
import { lint } from './lint.ts'
import { problemOf } from './problem.ts'
import { printDockerfile, printTree } from './print.ts'
import { SyntaxError } from './syntax-error.ts'

const tree = (source: string): string => printTree(parseDockerfile(source))

test.each([
  ['from busybox', '(from "busybox")'],
  ['FROM --platform=linux/386 a AS b', '(from ["--platform=linux/386"] "a" "AS" "b")'],
  ['RUN echo a \\\n  && echo b', '(run "echo a   && echo b")'],
  ['RUN a \\\n# no\n\n  b', '(run "a   b")'],
  ['RUN ["a", "b"]', '(run "a" "b")'],
  ["RUN ['a']", '(run "[\'a\']")'],
  ['ENV a b c', '(env "a" "b c" "")'],
  ['ENV a=b c="d e"', '(env "a" "b" "=" "c" "\\"d e\\"" "=")'],
  ['HEALTHCHECK --interval=5s CMD ["x"]', '(healthcheck ["--interval=5s"] "CMD" "x")'],
  ['ONBUILD RUN x', '(onbuild (run "x"))'],
  ['# escape=`\nRUN a `\n b', '(run "a  b")'],
  ['COPY --from=a --chown=1:2 x y', '(copy ["--from=a" "--chown=1:2"] "x" "y")'],
])('%j', (source, expected) => {
  expect(tree(source)).toBe(expected)
})

test('here-documents', () => {
  const [run] = parseDockerfile('RUN <<A <<-"B" cat\none $x\nA\n\ttwo\n\tB\n').instructions
  expect(
    run?.heredocs.map((heredoc) => [heredoc.name, heredoc.expand, heredocText(heredoc)]),
  ).toEqual([
    ['A', true, 'one $x\n'],
    ['B', false, 'two\n'],
  ])
  expect(run?.endLine).toBe(5)
})

test.each([
  ['', 'file with no instructions', 0],
  ['FROM a\nENV x', 'ENV must have two arguments', 2],
  ['FROM a\nENV a=b c', 'Syntax error - can\'t find = in "c". Must be of the form: name=value', 2],
  ['FROM a\n\nRUN <<E\nx\n', 'unterminated heredoc', 3],
  ['RUN [1]', 'when using JSON array syntax, arrays must be comprised of strings only', 1],
  ['# escape=x\nFROM a', "invalid escape token 'x' does not match ` or \\", 1],
  ['# syntax=a\n# syntax=b\nFROM a', 'only one syntax parser directive can be used', 2],
])('%j is refused with its line', (source, message, line) => {
  expect(() => parseDockerfile(source)).toThrow(
    expect.objectContaining({ message, startLine: line }),
  )
})

test('an empty line within an instruction is warned of', () => {
  expect(parseDockerfile('RUN a \\\n\n b').warnings).toEqual([
    { message: 'Empty continuation line found in: RUN a  b', startLine: 1, endLine: 3 },
  ])
})

test('no input crashes the parser, and what is read can be printed and read again', () => {
  const pieces = [
    'FROM',
    'RUN',
    'ENV',
    '\\',
    '\n',
    '"',
    "'",
    '<<E',
    '[',
    ']',
    '{',
    '$',
    '=',
    '--x',
    ' ',
    '#',
    'é',
    '\t',
    '`',
    'COPY',
    'ARG',
    'AS',
    'HEALTHCHECK',
    'ONBUILD',
    'EXPOSE',
    'WORKDIR',
    '--from=a',
    '--mount=type=bind,from=',
    '${A:-',
    '}',
    '# escape=`\n',
    '# check=skip=all',
    'FROM a\n',
    'E\n',
    ',',
  ]
  let seed = 7
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) >>> 4
  for (let round = 0; round < 100_000; round++) {
    const source = Array.from(
      { length: random() % 30 },
      () => pieces[random() % pieces.length],
    ).join('')
    let parsed
    try {
      parsed = parseDockerfile(source)
      lint(source)
      problemOf(source)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw new Error(`crash of ${source}`, { cause: error })
      if (!parsed) continue
    }
    const again = parseDockerfile(printDockerfile(parsed))
    if (printTree(again) !== printTree(parsed))
      expect(printTree(again), source).toBe(printTree(parsed))
  }
})
