import type { GuestFiles } from './guest-files.ts'
import type { DepartureStatus } from './ownership.ts'
import type { Transfer } from './transfer.ts'
import type { StorageStatus } from './storage.ts'

/** What the page asks of the worker that holds the engine and the machine. */
export interface Playground extends Transfer {
  /**
   * Open the playground of an engine id: load, restore, and reconcile what is stored. Resolves when the machine answers.
   * @throws EngineError `conflict` when another tab has it open, `unavailable` when the browser lacks a need (WebAssembly, IndexedDB)
   */
  open(options: OpenOptions, onStatus: (status: PlaygroundStatus) => void): Promise<void>
  /** A login shell on the machine; waits for it from before `open`. @throws EngineError `unavailable` while no machine runs */
  terminal(size: TerminalSize, sink: TerminalSink): Promise<TerminalSession>
  /** The files of the shell. @throws EngineError `unavailable` before `open` has resolved */
  files(): Promise<GuestFiles>
  /**
   * Serve the Engine API to whoever holds the other end of a port (link/engine/messages.ts); there may be several. All of them
   * close with the playground.
   * @throws EngineError `unavailable` before `open` has resolved
   */
  engine(port: MessagePort): Promise<void>
  /**
   * Serve the preview of a published port: `channel` is its service worker's (link/preview.ts). One a port: the one before is
   * closed, with what it had open.
   * @param channel undefined: the preview was closed
   * @throws EngineError `unavailable` before the engine is there
   */
  preview(port: number, channel: MessagePort | undefined): Promise<void>
  /** Everything that helps to understand a fault, as text: log, stage timings, the kernel's log. */
  diagnostics(): Promise<string>
  /** Stop the machine and let another tab have the engine id. */
  close(): Promise<void>
}

export interface OpenOptions {
  /** Names the database and the lock: letters, digits, `-`. */
  readonly engineId: string
  /** Of the page; a worker of another build refuses. */
  readonly build: string
  /** Ask the tab that has it open to leave, rather than fail with `conflict`; default false. */
  readonly takeOver?: boolean
  /** Where the folder with `guest/` and `registry/` is served, ending in `/`. */
  readonly assets: string
}

export interface TerminalSize {
  readonly cols: number
  readonly rows: number
}

/** Where a shell's output goes. */
export interface TerminalSink {
  /** Resolves when the bytes are on the screen: a slow screen slows the program. */
  write(bytes: Uint8Array): Promise<void>
  exit(code: number): void
}

export interface TerminalSession {
  write(bytes: Uint8Array): Promise<void>
  resize(size: TerminalSize): Promise<void>
  /** Hang up. */
  close(): Promise<void>
}

export interface PlaygroundStatus {
  readonly machine:
    | { readonly phase: 'loading'; readonly loadedBytes: number; readonly totalBytes: number }
    | {
        readonly phase: 'starting'
        /** Why the machine before this one was lost. */
        readonly after?: string
      }
    | { readonly phase: 'running'; readonly kernel: string; readonly memoryBytes: number }
    | { readonly phase: 'lost'; readonly reason: string }
  readonly pulls: readonly PullStatus[]
  /** Why nothing leaves this page; absent where there is a relay, or that is not known yet. */
  readonly closed?: string
  readonly storage?: StorageStatus
  /** Why the storage takes nothing now, and containers wait. */
  readonly trouble?: string | undefined
  /** Set when it is not this tab's any more. */
  readonly departure?: DepartureStatus
}

export interface PullStatus {
  readonly image: string
  readonly doneBytes: number
  /** 0 until the manifest is known. */
  readonly totalBytes: number
}
