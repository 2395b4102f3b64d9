import type { Command } from '../kit/command.ts'
import { attach } from './container/attach.ts'
import { copy } from './container/copy.ts'
import { create } from './container/create.ts'
import { diff } from './container/diff.ts'
import { exec } from './container/exec.ts'
import { inspect as inspectContainer } from './container/inspect.ts'
import { list as listContainers } from './container/list.ts'
import { logs } from './container/logs.ts'
import { port } from './container/port.ts'
import { run } from './container/run.ts'
import { start } from './container/start.ts'
import { stats } from './container/stats.ts'
import { top } from './container/top.ts'
import { update } from './container/update.ts'
import * as container from './container/verbs.ts'
import { globalFlags } from './global-flags.ts'
import { flagUsages, sectionText, type HelpSection } from '../kit/help.ts'
import * as archive from './image/archive.ts'
import { build } from './image/build.ts'
import { buildUsage, pruneBuilds } from './image/build-cache.ts'
import { history } from './image/history.ts'
import { list as listImages } from './image/list.ts'
import { pull } from './image/pull.ts'
import * as image from './image/verbs.ts'
import { inspect } from './inspect.ts'
import * as network from './network/verbs.ts'
import { pruneContainers, pruneImages, pruneNetworks, pruneSystem, pruneVolumes } from './prune.ts'
import { diskUsage } from './system/disk-usage.ts'
import { events } from './system/events.ts'
import { info } from './system/info.ts'
import { version } from './system/version.ts'
import * as volume from './volume/verbs.ts'

interface Entry {
  readonly command: Command
  /** Every way to call it, as Docker lists them; within a group the first is its name. */
  readonly paths: readonly string[]
}

const entries: readonly Entry[] = [
  { command: run, paths: ['container run', 'run'] },
  { command: exec, paths: ['container exec', 'exec'] },
  { command: listContainers, paths: ['container ls', 'container list', 'container ps', 'ps'] },
  { command: pull, paths: ['image pull', 'pull'] },
  { command: listImages, paths: ['image ls', 'image list', 'images'] },
  { command: build, paths: ['image build', 'build', 'buildx build', 'builder build'] },
  { command: pruneBuilds, paths: ['builder prune', 'buildx prune'] },
  { command: buildUsage, paths: ['buildx du'] },
  { command: attach, paths: ['container attach', 'attach'] },
  { command: copy, paths: ['container cp', 'cp'] },
  { command: create, paths: ['container create', 'create'] },
  { command: diff, paths: ['container diff', 'diff'] },
  { command: history, paths: ['image history', 'history'] },
  { command: inspect, paths: ['inspect'] },
  { command: inspectContainer, paths: ['container inspect'] },
  { command: image.inspect, paths: ['image inspect'] },
  { command: container.kill, paths: ['container kill', 'kill'] },
  { command: logs, paths: ['container logs', 'logs'] },
  { command: container.pause, paths: ['container pause', 'pause'] },
  { command: port, paths: ['container port', 'port'] },
  { command: container.rename, paths: ['container rename', 'rename'] },
  { command: container.restart, paths: ['container restart', 'restart'] },
  { command: container.remove, paths: ['container rm', 'container remove', 'rm'] },
  { command: image.remove, paths: ['image rm', 'image remove', 'rmi'] },
  { command: start, paths: ['container start', 'start'] },
  { command: container.stop, paths: ['container stop', 'stop'] },
  { command: image.tag, paths: ['image tag', 'tag'] },
  { command: top, paths: ['container top', 'top'] },
  { command: container.unpause, paths: ['container unpause', 'unpause'] },
  { command: container.wait, paths: ['container wait', 'wait'] },
  { command: archive.commit, paths: ['container commit', 'commit'] },
  { command: archive.exportContainer, paths: ['container export', 'export'] },
  { command: archive.importImage, paths: ['image import', 'import'] },
  { command: archive.load, paths: ['image load', 'load'] },
  { command: archive.push, paths: ['image push', 'push'] },
  { command: archive.save, paths: ['image save', 'save'] },
  { command: diskUsage, paths: ['system df'] },
  { command: events, paths: ['system events', 'events'] },
  { command: info, paths: ['system info', 'info'] },
  { command: pruneContainers, paths: ['container prune'] },
  { command: pruneImages, paths: ['image prune'] },
  { command: pruneNetworks, paths: ['network prune'] },
  { command: pruneSystem, paths: ['system prune'] },
  { command: pruneVolumes, paths: ['volume prune'] },
  { command: stats, paths: ['container stats', 'stats'] },
  { command: update, paths: ['container update', 'update'] },
  { command: version, paths: ['version'] },
  { command: network.connect, paths: ['network connect'] },
  { command: network.create, paths: ['network create'] },
  { command: network.disconnect, paths: ['network disconnect'] },
  { command: network.inspect, paths: ['network inspect'] },
  { command: network.list, paths: ['network ls', 'network list'] },
  { command: network.remove, paths: ['network rm', 'network remove'] },
  { command: volume.create, paths: ['volume create'] },
  { command: volume.inspect, paths: ['volume inspect'] },
  { command: volume.list, paths: ['volume ls', 'volume list'] },
  { command: volume.remove, paths: ['volume rm', 'volume remove'] },
]

const groups: Readonly<Record<string, string>> = {
  builder: 'Manage builds',
  buildx: 'Docker Buildx',
  container: 'Manage containers',
  image: 'Manage images',
  network: 'Manage networks',
  system: 'Manage Docker',
  volume: 'Manage volumes',
}

/** Commands that people look for first, in Docker's order. */
const common = [
  'run',
  'exec',
  'ps',
  'build',
  'pull',
  'push',
  'images',
  'login',
  'logout',
  'search',
  'version',
  'info',
]

/** Docker's commands that this CLI doesn't have, so that a user hears the difference from a slip. */
const missing = new Set([
  'checkpoint',
  'config',
  'context',
  'login',
  'logout',
  'manifest',
  'node',
  'plugin',
  'search',
  'secret',
  'service',
  'stack',
  'swarm',
  'trust',
])

export type Found =
  | {
      readonly kind: 'command'
      readonly command: Command
      /** `docker container ls` */
      readonly path: string
      readonly aliases: readonly string[]
      readonly rest: readonly string[]
    }
  | { readonly kind: 'group'; readonly group: string; readonly rest: readonly string[] }
  | {
      readonly kind: 'unknown'
      readonly group: string
      readonly rest: readonly string[]
      readonly missing: boolean
    }

const inGroup = (path: string): string => (path.includes(' ') ? (path.split(' ')[0] ?? '') : '')

/** @param words what follows `docker` and its options */
export function findCommand(words: readonly string[]): Found {
  const [first = '', second = ''] = words
  const group = Object.hasOwn(groups, first) ? first : ''
  const wanted = group === '' ? first : `${first} ${second}`
  const entry = entries.find(({ paths }) => paths.includes(wanted))
  if (entry) {
    const name = entry.paths.find((path) => inGroup(path) === group) ?? wanted
    return {
      kind: 'command',
      command: entry.command,
      path: `docker ${name}`,
      aliases: entry.paths.map((path) => `docker ${path}`),
      rest: words.slice(group === '' ? 1 : 2),
    }
  }
  const rest = words.slice(group === '' ? 0 : 1)
  if (group !== '' && (second === '' || second.startsWith('-')))
    return { kind: 'group', group, rest }
  return { kind: 'unknown', group, rest, missing: missing.has(wanted) }
}

export const groupNames: readonly string[] = Object.keys(groups)

export const groupSummary = (group: string): string => groups[group] ?? ''

/** Names and summaries of a group's commands; of the commands outside groups for ''. */
export function groupEntries(group: string): HelpSection['entries'] {
  return entries
    .flatMap(({ command, paths }): (readonly [string, string])[] => {
      const path = paths.find((candidate) => inGroup(candidate) === group)
      return path === undefined ? [] : [[path.split(' ').at(-1) ?? '', command.summary]]
    })
    .sort(([left], [right]) => (left < right ? -1 : 1))
}

/** `docker --help` */
export function topHelp(columns: number): string {
  const all = groupEntries('')
  const sections: readonly HelpSection[] = [
    {
      title: 'Common Commands',
      entries: common.flatMap((name) => all.filter(([entry]) => entry === name)),
    },
    { title: 'Management Commands', entries: Object.entries(groups) },
    { title: 'Commands', entries: all.filter(([name]) => !common.includes(name)) },
  ]
  return `Usage:  docker [OPTIONS] COMMAND

A self-sufficient runtime for containers

${sections.map(sectionText).join('\n')}
Global Options:
${flagUsages(globalFlags, columns - 1)}
Run 'docker COMMAND --help' for more information on a command.

For more help on how to use Docker, head to https://docs.docker.com/go/guides/
`
}
