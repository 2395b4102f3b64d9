import { expect, test } from 'vitest'
import { lint } from './lint.ts'

const rules = (source: string, ignore: string[] = []): string[] =>
  lint(source, { ignore }).map(({ rule, startLine }) => `${rule}:${startLine}`)

test.each([
  ['FROM a AS Build', ['StageNameCasing:1']],
  ['FROM a as b', ['FromAsCasing:1']],
  ['FROM a\nRUN b \\\n\n c', ['NoEmptyContinuation:4']],
  ['FROM a\nRUN b\nrun c', ['ConsistentInstructionCasing:3']],
  ['FROM a AS x\nFROM b AS x', ['DuplicateStageName:2']],
  ['FROM a AS scratch', ['ReservedStageName:1']],
  ['FROM a\nCMD b', ['JSONArgsRecommended:2']],
  ['FROM a\nCMD ["b"]', []],
  ['FROM a\nMAINTAINER me', ['MaintainerDeprecated:2']],
  ['FROM $X', ['UndefinedArgInFrom:1', 'InvalidDefaultArgInFrom:1']],
  ['ARG X\nFROM a:$X', ['InvalidDefaultArgInFrom:2']],
  ['ARG X\nFROM a$X', []],
  ['FROM a\nWORKDIR b', ['WorkdirRelativePath:2']],
  ['FROM a\nWORKDIR /\nWORKDIR b', []],
  ['FROM scratch\nCOPY $X /', ['UndefinedVar:2']],
  ['FROM a\nARG NAME=1\nLABEL x=$NAMES', ['UndefinedVar:3']],
  ['FROM a\nLABEL x=$PATHS', []],
  ['FROM a\nCMD ["b"]\nCMD ["c"]', ['MultipleInstructionsDisallowed:2']],
  ['FROM a\nENV b c', ['LegacyKeyValueFormat:2']],
  ['FROM --platform=$TARGETPLATFORM a', ['RedundantTargetPlatform:1']],
  ['FROM --platform=linux/386 a', ['FromPlatformFlagConstDisallowed:1']],
  ['FROM a\nENV API_KEY=x', ['SecretsUsedInArgOrEnv:2']],
  ['FROM a\nENV PUBLIC_KEY=x', []],
  ['FROM a\nEXPOSE 80/TCP', ['ExposeProtoCasing:2']],
  ['FROM a\nEXPOSE 127.0.0.1:80:80', ['ExposeInvalidFormat:2']],
  ['# check=experimental=all\nFROM a\nCOPY b /', ['CopyIgnoredFile:3']],
  ['# check=experimental=all\n# other thing\nFROM a AS base', ['InvalidDefinitionDescription:3']],
  ['# check=skip=MaintainerDeprecated\nFROM a\nMAINTAINER me', []],
])('%j', (source, expected) => {
  expect(rules(source, ['b'])).toEqual(expected)
})

test('each finding has its message and its link', () => {
  expect(lint('FROM a\nENV b c')).toEqual([
    {
      rule: 'LegacyKeyValueFormat',
      description: 'Legacy key/value format with whitespace separator should not be used',
      message: '"ENV key=value" should be used instead of legacy "ENV key value" format',
      url: 'https://docs.docker.com/go/dockerfile/rule/legacy-key-value-format/',
      startLine: 2,
      endLine: 2,
    },
  ])
  expect(lint('FROM a\nCMD b')[0]?.url).toContain('/json-args-recommended/')
})
