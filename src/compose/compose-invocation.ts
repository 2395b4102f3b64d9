import { textOf } from '../client/api-client.ts'
import type { Invocation } from '../kit/command.ts'
import type { Parsed } from '../kit/flags.ts'
import { pathFrom } from '../kit/paths.ts'
import { CliFileError, type CliHost } from '../ports/cli-host.ts'
import type { ComposeInvocation, LoadChoices } from './compose-command.ts'
import { loadProject } from './load-project.ts'
import { observedProject } from './observed-project.ts'
import { progressDisplay } from './progress.ts'
import type { Project } from './project.ts'

/** What a verb works with, from what `docker compose` was given. */
export function composeInvocation(outer: Invocation, parsed: Parsed): ComposeInvocation {
  const { client, err, flags, host, signal } = outer
  const ansi = flags.text('ansi')
  const named = flags.given('project-name')
  const directory = flags.given('project-directory')
  const load = async (services: readonly string[], choices: LoadChoices = {}): Promise<Project> => {
    const warnings: string[] = []
    try {
      return await loadProject({
        files: flags.list('file'),
        workingDirectory: host.cwd,
        ...(directory !== undefined && { projectDirectory: directory }),
        environment: host.env,
        profiles: flags.list('profile'),
        ...(named !== undefined && { projectName: named }),
        envFiles: flags.list('env-file'),
        services,
        ...choices,
        readFile: (path) => readText(host, path),
        warn: (message) => void warnings.push(message),
      })
    } finally {
      for (const message of warnings) await warn(outer, message)
    }
  }
  return {
    ...outer,
    flags: parsed.flags,
    args: parsed.args,
    buildProgress: buildProgressOf(flags.text('progress'), ansi, host),
    color: ansi === 'always' || (ansi === 'auto' && host.tty[1]),
    load,
    async project() {
      if (named !== undefined && flags.list('file').length === 0)
        return observedProject(client, named, signal)
      try {
        return await load([])
      } catch (error) {
        // Where there is no file the variable's name is enough.
        const name = host.env['COMPOSE_PROJECT_NAME'] ?? ''
        if (name === '') throw error
        return observedProject(client, name, signal)
      }
    },
    async withProgress(title, act) {
      const plain = !['auto', 'tty'].includes(flags.text('progress')) || ansi === 'never'
      const warnings: string[] = []
      try {
        await using progress = progressDisplay(err, host, { title, plain })
        return await act({
          client,
          progress,
          signal,
          warn: (message) => void warnings.push(message),
          readFile: async (path) => {
            const text = await readText(host, path)
            if (text === undefined) throw new Error(`open ${path}: no such file or directory`)
            return text
          },
        })
      } finally {
        for (const message of warnings) await warn(outer, message)
      }
    },
  }
}

function buildProgressOf(given: string, ansi: string, { env }: CliHost): string {
  if (given === 'json') return 'rawjson'
  if (given !== 'auto') return given
  return ansi === 'never' ? 'plain' : (env['BUILDKIT_PROGRESS'] ?? 'auto')
}

/** Of a file of the user's; undefined when there is none. */
async function readText(host: CliHost, path: string): Promise<string | undefined> {
  try {
    return await textOf(host.files.read(pathFrom(host, path)))
  } catch (error) {
    if (error instanceof CliFileError && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** As Compose's logger writes it on a terminal, and elsewhere. */
const warn = ({ err, host }: Invocation, message: string): Promise<void> =>
  err.line(
    host.tty[2]
      ? `\u001B[33mWARN\u001B[0m[0000] ${message}`
      : `time=${JSON.stringify(new Date().toISOString())} level=warning msg=${JSON.stringify(message)}`,
  )
