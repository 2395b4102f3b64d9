import type { DockerClient } from '../client/client.ts'
import type { CliHost, CliSignal } from '../ports/cli-host.ts'
import {
  ExitError,
  messageOf,
  type ArgumentRule,
  type Command,
  type Invocation,
} from '../kit/command.ts'
import { complete, completion } from './complete.ts'
import { findCommand, groupEntries, groupSummary, topHelp, type Found } from './commands.ts'
import { FlagError, parseFlags, type Parsed } from '../kit/flags.ts'
import { globalFlags } from './global-flags.ts'
import { commandHelp, groupHelp, useLine } from '../kit/help.ts'
import { BrokenPipe, TextOutput } from '../kit/text-output.ts'
import { CLI_VERSION } from './version.ts'

export interface RunCliOptions {
  /** Reaches another engine, for `-H`. */
  readonly connect?: (address: string) => DockerClient
  /** Commands that are no part of the CLI but are called through it, as Docker's plugins are: `compose`. */
  readonly plugins?: Readonly<Record<string, Command>>
}

/**
 * The docker CLI: its grammar, its output and its exit codes, over any engine.
 * @param argv without the program's name
 * @returns the exit code; never rejects
 */
export async function runCli(
  argv: readonly string[],
  host: CliHost,
  client: DockerClient,
  options: RunCliOptions = {},
): Promise<number> {
  const err = new TextOutput(host.stderr)
  const signals = new Signals(host, err)
  try {
    const code = await Promise.race([
      new Run(host, client, options, signals).run(argv),
      signals.killed,
    ])
    // A stream may take the abort for its end.
    return code === 0 && signals.aborted ? (signals.code ?? code) : code
  } catch (error) {
    return await report(error, err, signals).catch((broken: unknown) => {
      if (broken instanceof BrokenPipe) return SIGPIPE_CODE
      throw broken
    })
  } finally {
    signals.end()
  }
}

/** For the shell, not for the help. */
const ownCommands: Readonly<Record<string, Command>> = { __complete: complete, completion }

/** 128 and the signal's number. */
const SIGPIPE_CODE = 141

async function report(error: unknown, err: TextOutput, signals: Signals): Promise<number> {
  if (error instanceof BrokenPipe) return SIGPIPE_CODE
  if (signals.code !== undefined && signals.aborted) return signals.code
  if (error instanceof ExitError) {
    if (error.message !== '') await err.line(error.message)
    return error.code
  }
  await err.line(messageOf(error))
  return error instanceof FlagError ? 125 : 1
}

const numbers: Readonly<Record<CliSignal, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15,
  SIGCONT: 18,
}

/** SIGINT and SIGTERM cancel a command, unless it takes them; the third ends it at once, as in Docker's CLI. */
class Signals {
  readonly killed: Promise<number>
  code: number | undefined
  readonly #abort = new AbortController()
  readonly #life = new AbortController()
  #release: (() => void) | undefined
  readonly #listeners = new Set<(signal: CliSignal) => void>()
  #terminations = 0

  constructor(host: CliHost, err: TextOutput) {
    let kill: (code: number) => void = () => undefined
    this.killed = new Promise((resolve) => {
      kill = (code) => {
        this.end()
        resolve(code)
      }
    })
    const gone = (): void => {
      this.code ??= 128 + numbers.SIGHUP
      this.#abort.abort(new ExitError(this.code))
      kill(this.code)
    }
    host.gone.addEventListener('abort', gone, { signal: this.#life.signal })
    if (host.gone.aborted) gone()
    this.#release = host.onSignal((signal) => {
      const polite = signal === 'SIGINT' || signal === 'SIGTERM'
      if (polite && ++this.#terminations === 3) {
        void err
          .write('\ngot 3 SIGTERM/SIGINTs, forcefully exiting\n')
          .catch(() => undefined)
          .then(() => kill(1))
        return
      }
      if (this.#listeners.size > 0) {
        for (const listener of this.#listeners) listener(signal)
        return
      }
      if (signal === 'SIGCONT') return
      this.code = 128 + numbers[signal]
      this.#abort.abort(new ExitError(this.code))
      // What doesn't ask politely would have killed the process.
      if (!polite) kill(this.code)
    })
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get aborted(): boolean {
    return this.#abort.signal.aborted
  }

  take(listener: (signal: CliSignal) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  get life(): AbortSignal {
    return this.#life.signal
  }

  /** Nothing that the command began goes on. */
  end(): void {
    this.#release?.()
    this.#life.abort(new ExitError(this.code ?? 1))
  }
}

class Run {
  readonly #host: CliHost
  readonly #client: DockerClient
  readonly #options: RunCliOptions
  readonly #signals: Signals
  readonly #out: TextOutput
  readonly #err: TextOutput

  constructor(host: CliHost, client: DockerClient, options: RunCliOptions, signals: Signals) {
    this.#host = host
    this.#client = client
    this.#options = options
    this.#signals = signals
    this.#out = new TextOutput(host.stdout)
    this.#err = new TextOutput(host.stderr)
  }

  async run(argv: readonly string[]): Promise<number> {
    const global = parsedFlags(
      () => parseFlags(globalFlags, argv, false),
      'docker [OPTIONS] COMMAND [ARG...]',
      'docker',
    )
    if (global.flags.bool('version')) {
      await this.#out.line(`Docker version ${CLI_VERSION}, build drydock`)
      return 0
    }
    const client = this.#clientFor(global)
    const [first, ...rest] = global.args
    if (first === undefined || global.help || global.shortHelp) {
      await (
        first === undefined && !global.help && !global.shortHelp ? this.#err : this.#out
      ).write(topHelp(this.#columns))
      return 0
    }
    if (first === 'help') return this.#help(rest)
    const own = ownCommands[first]
    if (own) {
      // What is to be completed is nobody's flag yet.
      const words = own === complete ? ['--', ...rest] : rest
      return this.#command(
        { kind: 'command', command: own, path: `docker ${first}`, aliases: [], rest: words },
        client,
      )
    }
    const plugin = this.#options.plugins?.[first]
    if (plugin)
      return this.#command(
        { kind: 'command', command: plugin, path: `docker ${first}`, aliases: [], rest },
        client,
      )
    const found = findCommand(global.args)
    return found.kind === 'command' ? this.#command(found, client) : this.#noCommand(found)
  }

  get #columns(): number {
    const cols = this.#host.tty[0] ? this.#host.size().cols : 0
    return cols > 0 ? cols : 80
  }

  #clientFor(global: Parsed): DockerClient {
    const address = global.flags.given('host')
    if (address === undefined) return this.#client
    if (this.#options.connect === undefined) {
      throw new ExitError(
        1,
        'docker: this CLI speaks to its own engine alone: --host is not supported here',
      )
    }
    return this.#options.connect(address)
  }

  async #help(words: readonly string[]): Promise<number> {
    if (words.length === 0) {
      await this.#out.write(topHelp(this.#columns))
      return 0
    }
    const found = findCommand(words)
    if (found.kind === 'unknown') throw new ExitError(1, `unknown help topic: ${words.join(' ')}`)
    await this.#out.write(this.#helpOf(found))
    return 0
  }

  #helpOf(found: Exclude<Found, { kind: 'unknown' }>): string {
    if (found.kind === 'command')
      return commandHelp(found.path, found.command, found.aliases, this.#columns)
    return groupHelp(`docker ${found.group}`, groupSummary(found.group), groupEntries(found.group))
  }

  /** A group alone, or a word that is no command. */
  async #noCommand(found: Exclude<Found, { kind: 'command' }>): Promise<number> {
    const { group, rest } = found
    const path = group === '' ? 'docker' : `docker ${group}`
    const usage = group === '' ? '' : `Usage:  ${path}\n\n`
    const hint = `${usage}Run '${path} --help' for more information`
    const option = rest.find((word) => word.startsWith('-'))
    if (option === '--help' || option === '-h') {
      await this.#out.write(
        group === '' ? topHelp(this.#columns) : this.#helpOf({ kind: 'group', group, rest }),
      )
      return 0
    }
    if (option !== undefined && found.kind === 'unknown' && group !== '') {
      const message = option.startsWith('--')
        ? `unknown flag: ${option.split('=')[0]}`
        : `unknown shorthand flag: '${option[1] ?? ''}' in ${option}`
      throw new ExitError(125, `${message}\n\n${hint}`)
    }
    if (found.kind === 'group') {
      await this.#err.write(this.#helpOf(found))
      return 0
    }
    if (found.missing)
      throw new ExitError(1, `docker: '${path} ${rest[0] ?? ''}' is not part of Drydock's CLI yet`)
    throw new ExitError(1, `docker: unknown command: ${path} ${rest[0] ?? ''}\n\n${hint}`)
  }

  async #command(
    found: Extract<Found, { kind: 'command' }>,
    client: DockerClient,
  ): Promise<number> {
    const { command, path } = found
    const usage = useLine(path, command)
    const parsed = parsedFlags(
      () => parseFlags(command.flags ?? [], found.rest, command.interspersed !== false),
      usage,
      path,
    )
    if (parsed.help || parsed.shortHelp) {
      if (parsed.shortHelp)
        await this.#out.line('Flag shorthand -h has been deprecated, use --help')
      await this.#out.write(this.#helpOf(found))
      return 0
    }
    checkArguments(command, path, parsed.args.length)
    const invocation: Invocation = {
      host: this.#host,
      client,
      signal: this.#signals.signal,
      out: this.#out,
      err: this.#err,
      flags: parsed.flags,
      args: parsed.args,
      life: this.#signals.life,
      takeSignals: (listener) => this.#signals.take(listener),
    }
    return command.run(invocation)
  }
}

function parsedFlags(parse: () => Parsed, usage: string, path: string): Parsed {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof FlagError)) throw error
    const message = `${error.message}\n\nUsage:  ${usage}\n\nRun '${path} --help' for more information`
    throw new ExitError(125, message, { cause: error })
  }
}

function checkArguments(command: Command, path: string, count: number): void {
  const complaint = argumentComplaint(command.args, count)
  if (complaint === undefined) return
  const [message, see] = complaint
  throw new ExitError(
    1,
    `docker: '${path}' ${message}\n\nUsage:  ${useLine(path, command)}\n\n${see} '${path} --help' for more information`,
  )
}

/** The sentence, and the word that Docker puts before the hint (docker/cli cli/required.go, slips and all). */
function argumentComplaint(
  { min, max }: ArgumentRule,
  count: number,
): readonly [string, string] | undefined {
  if (count >= min && count <= max) return undefined
  const plural = (number: number): string => (number === 1 ? 'argument' : 'arguments')
  if (max === 0) return ['accepts no arguments', 'Run']
  if (min === max) return [`requires ${min} ${plural(min)}`, 'Run']
  if (max === Number.POSITIVE_INFINITY) return [`requires at least ${min} ${plural(min)}`, 'See']
  if (min === 0) return [`requires at most ${max} ${plural(max)}`, 'SRun']
  return [`requires at least ${min} and at most ${max} ${plural(max)}`, 'Run']
}
