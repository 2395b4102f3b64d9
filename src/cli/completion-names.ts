import type { Invocation } from '../kit/command.ts'

type Ask = Pick<Invocation, 'client' | 'signal'>

/** @param states those that fit; all when there are none */
export async function containerNames(
  { client, signal }: Ask,
  ...states: readonly string[]
): Promise<string[]> {
  const containers = await client.containers.list({ all: true }, signal)
  return containers
    .filter(({ State }) => states.length === 0 || states.includes(State))
    .flatMap(({ Names }) => Names.map((name) => name.slice(1)))
}

export async function imageNames({ client, signal }: Ask): Promise<string[]> {
  const images = await client.images.list({}, signal)
  const tags = images
    .flatMap(({ RepoTags }) => RepoTags ?? [])
    .filter((tag) => tag !== '<none>:<none>')
  // A name alone is the shorter candidate where it means the same.
  return tags.map((tag) => tag.replace(/:latest$/, ''))
}

export const networkNames = async ({ client, signal }: Ask): Promise<string[]> =>
  (await client.networks.list({}, signal)).map(({ Name }) => Name)

export const volumeNames = async ({ client, signal }: Ask): Promise<string[]> =>
  (await client.volumes.list({}, signal)).map(({ Name }) => Name)
