import { expect } from 'vitest'
import { DISK_BLOCK } from '../../src/ports/disk-store.ts'
import { block, engineOver, type SampleStores } from './sample-playground.ts'

/** Everything of the sample is there, and nothing else. */
export async function expectSample(stores: SampleStores): Promise<void> {
  await using opened = await engineOver(stores)
  const { request } = opened
  const get = async <T>(path: string): Promise<T> => (await request('GET', path)).json<T>()
  const images = await get<{ RepoTags: string[] }[]>('/images/json')
  expect(images.map(({ RepoTags }) => RepoTags)).toEqual([['busybox:latest']])
  const containers = await get<{ Names: string[]; State: string }[]>('/containers/json?all=1')
  expect(containers.map(({ Names, State }) => `${Names[0]} ${State}`).sort()).toEqual([
    '/kept exited',
    '/waiting created',
  ])
  const kept = await get<{ State: { ExitCode: number }; Mounts: { Name: string }[] }>(
    '/containers/kept/json',
  )
  expect(kept.State.ExitCode).toBe(0)
  expect(kept.Mounts.map(({ Name }) => Name)).toEqual(['data'])
  expect((await request('GET', '/containers/kept/logs?stdout=1')).text).toContain('it was here')
  const { Volumes } = await get<{ Volumes: { Name: string; Labels: object }[] }>('/volumes')
  expect(Volumes.map(({ Name, Labels }) => ({ Name, Labels }))).toEqual([
    { Name: 'data', Labels: { keep: 'yes' } },
  ])
  const networks = await get<{ Name: string }[]>('/networks')
  expect(networks.map(({ Name }) => Name).sort()).toEqual(['bridge', 'front', 'host', 'none'])
  // The layers can be read: a container starts.
  expect((await request('POST', '/containers/kept/start')).status).toBe(204)
  expect((await request('POST', '/containers/kept/wait')).status).toBe(200)
  for (const [at, fill] of [
    [0, 4],
    [1, 0],
    [7, 2],
    [8, 0],
  ] as const)
    expect(await stores.disk.read(at * DISK_BLOCK, DISK_BLOCK)).toEqual(block(fill))
}
