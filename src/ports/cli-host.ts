/** What the docker CLI needs of its surroundings: the guest's shell, Node, or a page. */
export interface CliHost {
  /** An absolute path. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Whether stdin, stdout and stderr are terminals. */
  readonly tty: readonly [boolean, boolean, boolean]
  /** Of the terminal, now. */
  size(): TerminalSize
  /** Nothing is taken from the descriptor before this is read, so that `while read` keeps what is its own. */
  readonly stdin: ReadableStream<Uint8Array>
  readonly stdout: CliOutput
  readonly stderr: CliOutput
  /** Of the terminal on stdin. The host puts it back when the command has ended, whatever happens. */
  setRawMode(raw: boolean): Promise<void>
  /** Takes the signals away from their default; gives a function that ends this. */
  onSignal(listener: (signal: CliSignal) => void): () => void
  /** After the terminal's size has changed. */
  onResize(listener: () => void): () => void
  readonly files: CliFiles
  /** Aborted when the user's process is gone: nobody reads, nothing will be typed. */
  readonly gone: AbortSignal
}

export interface TerminalSize {
  readonly cols: number
  readonly rows: number
}

export interface CliOutput {
  /** Resolves when the descriptor has taken the bytes; rejects when nobody reads it any more. */
  write(bytes: Uint8Array): Promise<void>
}

export type CliSignal =
  | 'SIGINT'
  | 'SIGTERM'
  | 'SIGHUP'
  | 'SIGQUIT'
  | 'SIGCONT'
  | 'SIGUSR1'
  | 'SIGUSR2'

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other'
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes. */
  readonly size: number
  /** Seconds since 1970. */
  readonly mtime: number
  /** Of a symlink. */
  readonly target?: string
}

export type FileAttributes = Pick<FileStat, 'mode' | 'mtime'>

export interface FileEntry extends FileStat {
  readonly name: string
}

/** The user's files, with the user's rights. Paths are absolute. Failures are `CliFileError`. */
export interface CliFiles {
  read(path: string): ReadableStream<Uint8Array>
  /** `exclusive` fails with EEXIST when the file is there; else it is replaced. */
  write(
    path: string,
    content: ReadableStream<Uint8Array>,
    options: { readonly mode: number; readonly exclusive: boolean },
  ): Promise<void>
  /** Does not follow links. */
  stat(path: string): Promise<FileStat>
  /** Sorted by name. */
  list(path: string): Promise<readonly FileEntry[]>
  makeDirectory(path: string, mode: number): Promise<void>
  /** A symlink. */
  makeLink(path: string, target: string): Promise<void>
  /** One more name for a file. */
  makeHardLink(path: string, existing: string): Promise<void>
  /** Of a symlink its own time alone. */
  setAttributes(path: string, attributes: FileAttributes): Promise<void>
  remove(path: string): Promise<void>
}

export class CliFileError extends Error {
  override readonly name = 'CliFileError'
  /** `ENOENT`, `EACCES`, … */
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
