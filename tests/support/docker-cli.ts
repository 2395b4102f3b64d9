import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const root = new URL('../..', import.meta.url).pathname

export interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** The unmodified docker CLI from Debian sid, against one engine. */
export class DockerCli implements Disposable {
  readonly #program: string
  readonly #config = mkdtempSync(join(tmpdir(), 'drydock-docker-config-'))
  readonly #env: NodeJS.ProcessEnv

  /** @param env more of the environment */
  constructor(address: string, env: Readonly<Record<string, string>> = {}) {
    this.#program = execFileSync(
      'bash',
      [
        join(root, 'tests/support/docker-cli.sh'),
        join(root, 'node_modules/.cache/drydock/docker-cli'),
      ],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
    ).trim()
    this.#env = {
      PATH: process.env['PATH'],
      HOME: this.#config,
      DOCKER_HOST: address,
      DOCKER_CONFIG: this.#config,
      DOCKER_CLI_HINTS: 'false',
      TERM: 'xterm',
      ...env,
    }
    const plugins = join(dirname(this.#program), '../libexec/docker/cli-plugins')
    const config = JSON.stringify({ cliPluginsExtraDirs: [plugins] })
    writeFileSync(join(this.#config, 'config.json'), config)
  }

  /** Start it with pipes. */
  spawn(...args: string[]): ChildProcessWithoutNullStreams {
    return spawn(this.#program, args, { env: this.#env })
  }

  /** Start it on a terminal of its own (script from util-linux), with 24 rows and 80 columns. */
  spawnOnTerminal(...args: string[]): ChildProcessWithoutNullStreams {
    const command = [this.#program, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`)
    return spawn('script', ['-qefc', `stty rows 24 cols 80; ${command.join(' ')}`, '/dev/null'], {
      env: this.#env,
    })
  }

  /** Run to the end. */
  run(args: readonly string[], stdin = ''): Promise<Result> {
    const child = this.spawn(...args)
    child.stdin.on('error', () => undefined)
    child.stdin.end(stdin)
    return finished(child)
  }

  /** Run to the end; anything but exit code 0 is an error. */
  async output(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(args)
    if (code !== 0)
      throw new Error(`docker ${args.join(' ')}: exit code ${code}\n${stdout}${stderr}`)
    return stdout
  }

  [Symbol.dispose](): void {
    rmSync(this.#config, { recursive: true, force: true })
  }
}

export function finished(child: ChildProcessWithoutNullStreams): Promise<Result> {
  return new Promise((resolve, reject) => {
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => {
      stdout += String(chunk)
    })
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk)
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }))
  })
}

/** Collects a child's output and waits for what is looked for. */
export class Transcript {
  text = ''
  #wake: () => void = () => undefined
  readonly #child: ChildProcessWithoutNullStreams

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        this.text += String(chunk)
        this.#wake()
      })
    }
    child.once('close', () => this.#wake())
  }

  /** Wait for a match in what came after the last one. */
  async until(pattern: RegExp, milliseconds = 20_000): Promise<string> {
    const end = Date.now() + milliseconds
    for (;;) {
      const found = pattern.exec(this.text)
      if (found) {
        this.text = this.text.slice(found.index + found[0].length)
        return found[0]
      }
      const left = end - Date.now()
      if (left <= 0 || this.#child.exitCode !== null) {
        throw new Error(`no ${String(pattern)} in:\n${this.text}`)
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, 500))
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
}
