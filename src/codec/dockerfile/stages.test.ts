import { expect, test } from 'vitest'
import { parseDockerfile } from './parser.ts'
import { stagesOf } from './stages.ts'

const stages = (source: string): ReturnType<typeof stagesOf> => stagesOf(parseDockerfile(source))

test('stages, their names, and the ARGs before them', () => {
  const { args, stages: found } = stages(
    'ARG V=1\nFROM a:$V AS Build\nRUN x\nFROM --platform=linux/386 b\nCOPY --from=build /x /y',
  )
  expect(args.map((arg) => arg.args)).toEqual([[{ key: 'V', value: '1' }]])
  expect(found.map(({ from }) => [from.base, from.name, from.platform])).toEqual([
    ['a:$V', 'build', undefined],
    ['b', undefined, 'linux/386'],
  ])
  expect(found[1]?.instructions[0]).toMatchObject({
    kind: 'COPY',
    from: 'build',
    sources: ['/x'],
    destination: '/y',
  })
})

test('a here-document is no source', () => {
  const { stages: found } = stages('FROM a\nCOPY <<one two /d/\nx\none\n')
  expect(found[0]?.instructions[0]).toMatchObject({
    sources: ['two'],
    heredocs: [{ name: 'one', content: 'x\n' }],
  })
})

test.each([
  ['RUN x', 'no build stage in current context', 1],
  ['FROM a\nCPOY a b', 'unknown instruction: CPOY (did you mean COPY?)', 2],
  ['FROM a b', 'FROM requires either one or three arguments', 1],
  [
    'FROM a AS 1x',
    'invalid name for build stage: "1x", name can\'t start with a number or contain symbols',
    1,
  ],
  ['FROM a\nCOPY --form=x a b', 'unknown flag: --form (did you mean from?)', 2],
  ['FROM a\nCOPY --link=maybe a b', 'expecting boolean value for flag link, not: maybe', 2],
  ['FROM a\nCOPY --chown=a --chown=b a b', 'duplicate flag specified: chown', 2],
  [
    'FROM a\nCOPY a',
    'COPY requires at least two arguments, but only one was provided. Destination could not be determined',
    2,
  ],
  ['FROM a\nONBUILD FROM b', "FROM isn't allowed as an ONBUILD trigger", 2],
  ['FROM a\nONBUILD ONBUILD RUN x', "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", 2],
  ['FROM a\nHEALTHCHECK FOO', 'Unknown type "FOO" in HEALTHCHECK (try CMD)', 2],
  ['FROM a\nHEALTHCHECK CMD', 'Missing command after HEALTHCHECK CMD', 2],
  ['FROM a\nSHELL sh -c', 'SHELL requires the arguments to be in JSON form', 2],
  ['FROM a\nEXPOSE', 'EXPOSE requires at least one argument', 2],
])('%j is refused', (source, message, line) => {
  expect(() => stages(source)).toThrow(
    expect.objectContaining({
      message: `dockerfile parse error on line ${line}: ${message}`,
      startLine: line,
    }),
  )
})
