/**
 * The protocol between the `docker` stub in the guest (wasm/guestd/docker-stub) and the CLI on the host, over a
 * connection to `/run/drydock/docker-cli.sock` that guestd relays. Frames as in guest-protocol.ts.
 *
 * The stub sends `invoke` first. It never reads its stdin unasked: the host sends `pull`, the stub answers with one
 * `stdin` or `stdin-end`. Output is written to the stub's own descriptors before it reads on, so a slow reader slows
 * the CLI. The host ends with `exit`. File operations run in the stub, so paths and rights are the user's own.
 */
export const stubFrame = {
  // stub → host
  /** JSON Invocation. */
  invoke: 0x30,
  /** Bytes: the answer to a `pull`. */
  stdin: 0x31,
  /** Empty: the answer to a `pull` at the end of stdin. */
  'stdin-end': 0x32,
  /** One byte, the number: SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCONT, SIGUSR1, SIGUSR2. */
  signal: 0x33,
  /** u16 columns, u16 rows (little endian), after SIGWINCH. */
  resize: 0x34,
  /** JSON: `{id, result}` or `{id, error: {code: 'ENOENT', message}}`. */
  reply: 0x35,
  /** u32 id, bytes; empty bytes end a `read`. */
  'file-data': 0x36,
  // host → stub
  stdout: 0x40,
  stderr: 0x41,
  /** u32: at most this many bytes. */
  pull: 0x42,
  /** One byte: 1 makes the terminal raw, 0 puts it back. */
  'raw-mode': 0x43,
  /** One byte: exit code. */
  exit: 0x44,
  /** JSON FileRequest. */
  file: 0x45,
  /** u32 id, bytes: content for a `write`; empty bytes end it. */
  'file-content': 0x46,
} as const

export interface Invocation {
  readonly argv: readonly string[]
  readonly cwd: string
  /** `NAME=value` */
  readonly env: readonly string[]
  /** Whether descriptors 0, 1, 2 are terminals. */
  readonly tty: readonly [boolean, boolean, boolean]
  readonly size: { readonly cols: number; readonly rows: number }
}

export type FileRequest = { readonly id: number; readonly path: string } &
  /** `file-data` frames, then `reply`. */
  (
    | { readonly op: 'read' }
    /** Host sends `file-content`, then the stub replies. `exclusive` fails with EEXIST. */
    | { readonly op: 'write'; readonly mode: number; readonly exclusive: boolean }
    /** Result `{kind, mode, uid, gid, size, mtime, target?}`; does not follow links. */
    | { readonly op: 'stat' }
    /** Result: `{entries: [{name, kind, mode, uid, gid, size, mtime, target?}]}`, sorted by name. */
    | { readonly op: 'list' }
    | { readonly op: 'make-directory'; readonly mode: number }
    /** A symlink; a stub that doesn't know it answers ENOSYS. */
    | { readonly op: 'make-link'; readonly target: string }
    /** `existing` gets one more name. */
    | { readonly op: 'make-hard-link'; readonly existing: string }
    /** Of a symlink its own time alone. */
    | {
        readonly op: 'set-attributes'
        readonly mode: number
        /** Seconds since 1970. */
        readonly mtime: number
      }
    | { readonly op: 'remove' }
    /** With all that is in it. Ends at the first that can't go. */
    | { readonly op: 'remove-tree' }
    /** Fails with EEXIST when `to` is there. */
    | { readonly op: 'move'; readonly to: string }
    /**
     * The file takes the place of `to` in one step, durable, with its owner and mode; where `to` has several names, its content
     * alone changes. A failure leaves both.
     */
    | { readonly op: 'replace'; readonly to: string }
  )
