import type {
  ExecStart,
  ContainerStart,
  HostProcessStart,
  ProcessRef,
} from '../core/guest-protocol.ts'
import type { MachineProcesses } from '../ports/machine/processes.ts'
import type { Freezer } from './freezer.ts'
import type { GuestKeeper } from './guest-keeper.ts'
import type { GuestProcess } from './process.ts'

export class GuestProcesses implements MachineProcesses {
  readonly #keeper: GuestKeeper
  readonly #freezer: Freezer

  constructor(keeper: GuestKeeper, freezer: Freezer) {
    this.#keeper = keeper
    this.#freezer = freezer
  }

  async run(start: ContainerStart, signal?: AbortSignal): Promise<GuestProcess> {
    this.#freezer.check()
    const { container } = start
    const open = { channel: 'process', op: 'run', ...start } as const
    const process = await this.#keeper.start(open, { container }, signal)
    this.#freezer.started(container, process.exited)
    return process
  }

  async exec(start: ExecStart, signal?: AbortSignal): Promise<GuestProcess> {
    this.#freezer.check()
    return this.#keeper.start(
      { channel: 'process', op: 'exec', ...start },
      { container: start.container, exec: start.exec },
      signal,
    )
  }

  async runOnHost(start: HostProcessStart, signal?: AbortSignal): Promise<GuestProcess> {
    await this.#keeper.mountHostRoot(await this.#keeper.ready(signal))
    return this.#keeper.start(
      { channel: 'process', op: 'run-host', ...start },
      { host: start.host },
      signal,
    )
  }

  async signal(process: ProcessRef, signal: number): Promise<void> {
    await this.#keeper.request({ op: 'signal', process, signal })
  }

  async resize(
    process: ProcessRef,
    size: { readonly cols: number; readonly rows: number },
  ): Promise<void> {
    await this.#keeper.request({ op: 'resize', process, cols: size.cols, rows: size.rows })
  }
}
