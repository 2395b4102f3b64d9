import { expect, test } from 'vitest'
import type { ContainerSummary } from '../../client/types.ts'
import { CONFIG_HASH, CONTAINER_NUMBER, IMAGE } from './labels.ts'
import { planService, type RecreatePolicy, type Wanted } from './plan.ts'

const wanted: Wanted = {
  service: {
    command: null,
    entrypoint: null,
    networks: { back: null },
    volumes: [{ type: 'volume', source: 'data', target: '/data' }],
  },
  hash: 'h',
  image: 'sha256:i',
  scale: 2,
  networks: new Map([['back', 'net']]),
  volumes: new Map([['data', 'p_data']]),
}

const container = (number: number, more: Partial<ContainerSummary> = {}): ContainerSummary => ({
  Id: `c${number}`,
  Names: [`/p-web-${number}`],
  Image: 'busybox',
  ImageID: 'sha256:i',
  Command: '',
  Created: 0,
  Ports: null,
  Labels: { [CONFIG_HASH]: 'h', [IMAGE]: 'sha256:i', [CONTAINER_NUMBER]: String(number) },
  State: 'running',
  Status: 'Up',
  NetworkSettings: { Networks: { p_back: { NetworkID: 'net' } } },
  Mounts: [{ Type: 'volume', Name: 'p_data', Source: '', Destination: '/data' }],
  ...more,
})

const labels = (hash: string, image: string): Partial<ContainerSummary> => ({
  Labels: { [CONFIG_HASH]: hash, [IMAGE]: image, [CONTAINER_NUMBER]: '1' },
})

test.each<
  [
    string,
    readonly ContainerSummary[],
    RecreatePolicy,
    string,
    readonly string[],
    readonly number[],
  ]
>([
  ['nothing is there', [], 'diverged', '', [], [1, 2]],
  ['all is as it should be', [container(2), container(1)], 'diverged', 'c1 c2', [], []],
  ['one is missing', [container(3)], 'diverged', 'c3', [], [4]],
  [
    'another hash',
    [container(1, labels('x', 'sha256:i')), container(2)],
    'diverged',
    'c2',
    ['c1'],
    [],
  ],
  [
    'another image',
    [container(1, labels('h', 'sha256:j')), container(2)],
    'diverged',
    'c2',
    ['c1'],
    [],
  ],
  [
    'another hash, and never',
    [container(1, labels('x', '')), container(2)],
    'never',
    'c1 c2',
    [],
    [],
  ],
  ['all anew', [container(1), container(2)], 'force', '', ['c1', 'c2'], []],
  [
    'off its network',
    [container(1, { NetworkSettings: {} }), container(2)],
    'diverged',
    'c2',
    ['c1'],
    [],
  ],
  [
    'off its network, but stopped',
    [container(1, { NetworkSettings: {}, State: 'exited' }), container(2)],
    'diverged',
    'c1 c2',
    [],
    [],
  ],
  [
    'without its volume',
    [container(1, { Mounts: [] }), container(2)],
    'diverged',
    'c2',
    ['c1'],
    [],
  ],
])('%s', (_, observed, policy, keep, recreate, create) => {
  const plan = planService(wanted, observed, policy)
  expect(plan.keep.map(({ Id }) => Id).join(' ')).toBe(keep)
  expect(plan.recreate.map(({ Id }) => Id)).toEqual(recreate)
  expect(plan.create).toEqual(create)
})

test('of too many go what has diverged first, then the highest numbers', () => {
  const observed = [container(1, labels('x', '')), container(2), container(3), container(4)]
  const { keep, remove } = planService(wanted, observed, 'diverged')
  expect(keep.map(({ Id }) => Id)).toEqual(['c2', 'c3'])
  expect(remove.map(({ Id }) => Id)).toEqual(['c4', 'c1'])
})
