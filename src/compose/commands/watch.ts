import { atLeast, ExitError, messageOf } from '../../kit/command.ts'
import { flag } from '../../kit/flags.ts'
import { pause } from '../../kit/pause.ts'
import { buildServices } from '../build-services.ts'
import type { ComposeCommand, ComposeInvocation } from '../compose-command.ts'
import { apply, type ApplyOptions } from '../converge/apply.ts'
import { servicesAlone } from '../converge/dependency-order.ts'
import { runHook } from '../converge/hooks.ts'
import { PROJECT } from '../converge/labels.ts'
import { observe, ofService } from '../converge/observed.ts'
import { start } from '../converge/start.ts'
import type { Project } from '../project.ts'
import { changesBetween, takeSnapshot, type Change, type Snapshot } from '../watch/changes.ts'
import { watchRules, type WatchRule } from '../watch/rules.ts'
import { syncFiles } from '../watch/sync.ts'
import { imageBuilder } from './image-options.ts'

/** Milliseconds between two looks at the files. */
const INTERVAL = 150
/** Looks until a batch of changes is taken as it is, though there are still more. */
const LOOKS_MAX = 10

interface Batch {
  readonly rule: WatchRule
  readonly changes: readonly Change[]
}

export const watch: ComposeCommand = {
  usage: '[SERVICE...]',
  summary: 'Watch build context for service and rebuild/refresh containers when files are updated',
  args: atLeast(0),
  flags: [
    flag('--no-up', 'bool', 'Do not build & start services before watching'),
    flag('--prune', 'bool', 'Prune dangling images on rebuild', { initial: 'true' }),
    flag('--quiet', 'bool', 'hide build output'),
  ],
  async run(invocation) {
    const { args, err, flags, host, load, out, signal } = invocation
    const project = await load(args)
    const rules = await watchRules(host.files, project, (message) => err.line(message))
    if (rules.length === 0)
      throw new ExitError(
        1,
        "none of the selected services is configured for watch, consider setting a 'develop' section",
      )
    if (!flags.bool('no-up')) await bringUp(invocation, project)
    const look = (): Promise<readonly Snapshot[]> =>
      Promise.all(rules.map((rule) => takeSnapshot(host.files, rule)))
    let before = await look()
    for (const [at, rule] of rules.entries()) {
      if (rule.trigger.initial_sync !== true) continue
      const all = changesBetween(new Map(), before[at] ?? new Map())
      await handle(invocation, project, [{ rule, changes: all }])
    }
    await out.line('Watch enabled')
    for (;;) {
      await pause(INTERVAL, signal)
      let after = await look()
      if (batches(rules, before, after).length === 0) continue
      // A program that saves many files, or one in pieces, is waited for.
      for (let looks = 0; looks < LOOKS_MAX; looks++) {
        await pause(INTERVAL, signal)
        const now = await look()
        const quiet = batches(rules, after, now).length === 0
        after = now
        if (quiet) break
      }
      const changed = batches(rules, before, after)
      before = after
      try {
        await handle(invocation, project, changed)
      } catch (error) {
        signal.throwIfAborted()
        await err.line(`Error handling changed files: ${messageOf(error)}`)
      }
    }
  },
}

const batches = (
  rules: readonly WatchRule[],
  before: readonly Snapshot[],
  after: readonly Snapshot[],
): readonly Batch[] =>
  rules
    .map((rule, at) => ({
      rule,
      changes: changesBetween(before[at] ?? new Map(), after[at] ?? new Map()),
    }))
    .filter(({ changes }) => changes.length > 0)

const applyOptions = (
  project: Project,
  services: readonly string[],
  recreate: ApplyOptions['recreate'],
): Omit<ApplyOptions, 'images'> => ({
  services,
  recreate,
  recreateDependencies: 'never',
  inherit: true,
  removeOrphans: false,
  ignoreOrphans: true,
  replaceDivergedVolumes: false,
  known: [...Object.keys(project.services), ...Object.keys(project.disabledServices)],
})

const build = (
  invocation: ComposeInvocation,
  project: Project,
  names: readonly string[],
): Promise<void> =>
  invocation.withProgress('Building', (session) =>
    buildServices(
      invocation,
      session,
      project,
      names,
      { args: {}, noCache: false, pull: false },
      { quiet: invocation.flags.bool('quiet'), progress: 'plain' },
    ),
  )

/** Images of what is watched are built even where they are there: the files may have changed since. */
async function bringUp(invocation: ComposeInvocation, project: Project): Promise<void> {
  const watched = Object.entries(project.services)
    .filter(([, service]) => service.build && service.develop)
    .map(([name]) => name)
  if (watched.length > 0) await build(invocation, project, watched)
  await invocation.withProgress('Running', async (session) => {
    await apply(session, project, {
      ...applyOptions(project, invocation.args, 'diverged'),
      images: { build: imageBuilder(invocation, session, project) },
    })
    await start(session, project, { wait: false })
  })
}

/** Rebuild first, then sync, restart and execute, as Compose does (handleWatchBatch). */
async function handle(
  invocation: ComposeInvocation,
  project: Project,
  changed: readonly Batch[],
): Promise<void> {
  const { host, out, withProgress } = invocation
  const withAction = (wanted: (action: string) => boolean): readonly Batch[] =>
    changed.filter(({ rule }) => wanted(rule.trigger.action))
  const servicesOf = (chosen: readonly Batch[]): string[] => [
    ...new Set(chosen.map(({ rule }) => rule.service)),
  ]
  const rebuilt = servicesOf(withAction((action) => action === 'rebuild'))
  if (rebuilt.length > 0) await rebuild(invocation, project, rebuilt)
  const synced = withAction((action) => action.startsWith('sync'))
  for (const name of servicesOf(synced)) {
    const own = synced.filter(({ rule }) => rule.service === name)
    const count = own.reduce((sum, { changes }) => sum + changes.length, 0)
    await out.line(`Syncing service ${JSON.stringify(name)} after ${count} changes were detected`)
    await withProgress('Syncing', async (session) => {
      for (const { rule, changes } of own)
        await syncFiles(session, host.files, project, rule, changes)
    })
  }
  const restarted = servicesOf(withAction((action) => action.endsWith('restart')))
  if (restarted.length > 0) {
    await eachContainer(invocation, project, withDependents(project, restarted), (id) =>
      invocation.client.containers.restart(id, {}, invocation.signal),
    )
    await out.line(`service(s) ${quoted(restarted)} restarted`)
  }
  for (const { rule } of withAction((action) => action === 'sync+exec'))
    await withProgress('Executing', (session) =>
      eachContainer(invocation, project, [rule.service], (id) =>
        runHook(session, id, rule.trigger.exec),
      ),
    )
}

async function eachContainer(
  { client, signal }: ComposeInvocation,
  project: Project,
  services: readonly string[],
  act: (id: string) => Promise<void>,
): Promise<void> {
  const running = await observe(client, project.name, { all: false }, signal)
  const ids = services.flatMap((name) => ofService(running, name).map(({ Id }) => Id))
  await Promise.all(ids.map(act))
}

async function rebuild(
  invocation: ComposeInvocation,
  project: Project,
  services: readonly string[],
): Promise<void> {
  const { client, flags, out, signal, withProgress } = invocation
  await out.line(`Rebuilding service(s) ${quoted(services)} after changes were detected...`)
  try {
    await build(invocation, project, services)
  } catch (error) {
    await out.line(`Build failed. Error: ${messageOf(error)}`)
    throw error
  }
  await out.line(`service(s) ${quoted(services)} successfully built`)
  await withProgress('Running', async (session) => {
    await apply(session, project, {
      ...applyOptions(project, services, 'force'),
      images: { build: imageBuilder(invocation, session, project) },
    })
    await start(session, servicesAlone(project, withDependents(project, services)), { wait: false })
  })
  // Not before the old containers are gone, which hold the old images.
  if (flags.bool('prune'))
    await client.images.prune({ dangling: ['true'], label: [`${PROJECT}=${project.name}`] }, signal)
}

/** Those that are to be restarted with a service come along. */
const withDependents = (project: Project, names: readonly string[]): readonly string[] =>
  Object.entries(project.services)
    .filter(
      ([name, { depends_on = {} }]) =>
        names.includes(name) || names.some((other) => depends_on[other]?.restart === true),
    )
    .map(([name]) => name)

/** As Go's `%q` has a list. */
const quoted = (names: readonly string[]): string =>
  `[${names.map((name) => JSON.stringify(name)).join(' ')}]`
