import { expect, test } from 'vitest'
import { parseDockerfile } from '../../codec/dockerfile/parser.ts'
import { stagesOf } from '../../codec/dockerfile/stages.ts'
import { parseChmod } from './file-mode.ts'
import { stageGraph } from './graph.ts'
import { fromOf, parseMount } from './mount-options.ts'
import { parsePorts } from './ports.ts'
import { GlobalScope } from './variables.ts'

test.each([
  ['755', 0o600, false, 0o755],
  ['4711', 0o600, false, 0o4711],
  ['u+x', 0o644, false, 0o744],
  ['go-rwx', 0o755, true, 0o700],
  ['u=rwX,go=rX', 0o600, false, 0o644],
  ['u=rwX,go=rX', 0o600, true, 0o755],
  ['a+t', 0o777, true, 0o1777],
  ['ug+s', 0o755, false, 0o6755],
] as const)('chmod %s of %s', (text, before, isDirectory, after) => {
  expect(parseChmod(text)(before, isDirectory).toString(8)).toBe(after.toString(8))
})

test('a mode that is none', () => {
  expect(() => parseChmod('rwx')).toThrow('invalid')
  expect(() => parseChmod('98')).toThrow('invalid')
})

test.each([
  [['80'], ['80/tcp']],
  [
    ['8000-8002/udp', '22'],
    ['22/tcp', '8000/udp', '8001/udp', '8002/udp'],
  ],
  [['127.0.0.1:80:8080', '8080'], ['8080/tcp']],
] as const)('ports %s', (specs, ports) => {
  expect(parsePorts(specs)).toEqual(ports)
})

test.each(['x', '70000', '5-1', '80/x'])('%s is no port', (spec) => {
  expect(() => parsePorts([spec])).toThrow(/invalid/)
})

test.each([
  ['type=bind,"source=a,b",ro', { type: 'bind', source: 'a,b', readOnly: true }],
  ['src=a,dst=/b,rw', { type: 'bind', source: 'a', target: '/b', readOnly: false }],
  ['type=cache,target=/c', { type: 'cache', target: '/c', readOnly: false }],
  [
    'type=cache,target=/c,readonly,sharing=locked,id=x',
    { readOnly: true, sharing: 'locked', id: 'x' },
  ],
  ['type=tmpfs,target=/t,size=64m', { type: 'tmpfs', size: 67_108_864 }],
  [
    'type=secret,id=k,required,mode=0440,uid=5,gid=6',
    { required: true, mode: 0o440, uid: 5, gid: 6 },
  ],
  ['type=secret,id=k,required=false', { required: false }],
] as const)('the mount %s', (text, expected) => {
  expect(parseMount(text)).toMatchObject(expected)
})

test.each([
  ['type=bnd', 'unsupported mount type "bnd" (did you mean bind?)'],
  [
    'type=cache,target=/c,sharing=lockd',
    'unsupported sharing value "lockd" (did you mean locked?)',
  ],
  ['type=bind,tagret=/x', "unexpected key 'tagret' in 'tagret=/x' (did you mean target?)"],
  ['type=bind,target', "invalid field 'target' must be a key=value pair"],
  ['type=bind,ro=perhaps', 'invalid value for ro: perhaps'],
  ['type=bind,required', "unexpected key 'required' for mount type 'bind'"],
  ['type=bind,size=1m', "unexpected key 'size' for mount type 'bind'"],
  ['type=tmpfs,size=much', 'invalid value for size: much'],
  ['type=bind,mode=0700', 'mode not allowed for "bind" type mounts'],
  ['type=cache,mode=9', 'invalid value 9 for mode'],
  ['type=secret,sharing=shared,id=x', 'invalid cache sharing set for secret mount'],
  ['type=secret', 'invalid secret mount. one of source, target required'],
  ['type=secret,id=a,source=b', "both source and id can't be set"],
  ['type=secret,id=a,from=b', 'secret mount should not have a from'],
] as const)('the mount %s is refused', (text, message) => {
  expect(() => parseMount(text)).toThrow(message)
})

test('where a mount is from', () => {
  expect(fromOf('type=bind,from=build,source=/x')).toBe('build')
  expect(fromOf('type=cache,target=/from=x')).toBeUndefined()
})

const graph = (text: string, target = '') => {
  const stages = stagesOf(parseDockerfile(text))
  const scope = new GlobalScope(
    stages.args,
    { escape: '\\', buildArgs: { GIVEN: 'given' } },
    target,
  )
  return stageGraph(stages, scope, target, new Set(['other']))
}

test('only needed stages are needed', () => {
  const text = [
    'ARG BASE=busybox',
    'FROM $BASE AS a',
    'FROM a AS unused',
    'FROM scratch AS b',
    'COPY --from=a /x /',
    'COPY --from=other /x /',
    'RUN --mount=from=2,target=/y true',
    'FROM ${GIVEN:-none}',
    'COPY --from=b / /',
  ].join('\n')
  expect(graph(text.replace('from=2', 'from=0')).needed).toEqual([0, 2, 3])
  expect(graph(text.replace('from=2', 'from=0'), 'unused').needed).toEqual([0, 1])
  expect(() => graph(text)).toThrow('circular dependency detected on stage: b')
  expect(() => graph('FROM a AS x\nCOPY --from=y / /\nFROM b AS y')).toThrow(
    'cannot copy from stage "y", it needs to be defined before current stage "x"',
  )
  expect(() => graph(text.replace('from=2', 'from=9'))).toThrow('invalid stage index 9')
  expect(() => graph('FROM $NOTHING')).toThrow('base name ($NOTHING) should not be blank')
  expect(() => graph('FROM a', 'z')).toThrow('target stage "z" could not be found')
})
