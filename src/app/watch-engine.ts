import type { DockerClient } from '../client/client.ts'
import type { ContainerSummary } from '../client/types.ts'
import type { PublishedPort } from '../link/preview.ts'

/** What there is in the engine, as the page shows it. */
export interface EngineSummary {
  readonly running: number
  /** Containers, whatever their state. */
  readonly containers: number
  readonly images: number
  /** Of running containers, in order: they can be previewed. */
  readonly ports: readonly PublishedPort[]
}

/**
 * Tell what there is, now and after each event, until the engine ends. While it is counted, events are taken together.
 * @throws ClientError when the engine does not answer
 */
export async function watchEngine(
  docker: DockerClient,
  onSummary: (summary: EngineSummary) => void,
): Promise<void> {
  let isStale = false
  let isCounting = false
  const count = async (): Promise<void> => {
    isStale = true
    if (isCounting) return
    isCounting = true
    while (isStale) {
      isStale = false
      // A machine or store in trouble is told elsewhere; the next event counts again.
      const summary = await summaryOf(docker).catch(() => undefined)
      if (summary) onSummary(summary)
    }
    isCounting = false
  }
  const filters = { type: ['container', 'image'] }
  const reader = (await docker.system.events({ filters })).getReader()
  for (;;) {
    void count()
    const { done } = await reader.read()
    if (done) return
  }
}

async function summaryOf(docker: DockerClient): Promise<EngineSummary> {
  const [containers, images] = await Promise.all([
    docker.containers.list({ all: true }),
    docker.images.list(),
  ])
  return {
    running: containers.filter(({ State }) => State === 'running').length,
    containers: containers.length,
    images: images.length,
    ports: portsOf(containers),
  }
}

/** One `localhost` has each port once: the oldest container's, which had it first. */
function portsOf(containers: readonly ContainerSummary[]): PublishedPort[] {
  const ports = new Map<number, string>()
  for (const { Ports, Names } of containers) {
    for (const { PublicPort, Type } of Ports ?? []) {
      if (PublicPort === undefined || Type !== 'tcp') continue
      // The list begins with the newest.
      ports.set(PublicPort, nameOf(Names))
    }
  }
  return [...ports]
    .map(([port, container]) => ({ port, container }))
    .sort((left, right) => left.port - right.port)
}

/** Its own name; those with a second slash are links to it. */
const nameOf = (names: readonly string[]): string =>
  names.find((name) => name.lastIndexOf('/') === 0)?.slice(1) ?? ''
