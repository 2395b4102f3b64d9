import type { MachineProcesses } from '../../ports/machine/processes.ts'
import type { TerminalSession, TerminalSink, TerminalSize } from '../../link/playground.ts'

/** What a login on the machine's console would set. */
const ENVIRONMENT = [
  'HOME=/root',
  'USER=root',
  'LOGNAME=root',
  'SHELL=/bin/bash',
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'TERM=xterm-256color',
  'COLORTERM=truecolor',
  // LANG would make every program read a dozen more files.
  'LC_CTYPE=C.UTF-8',
]

/** SIGHUP, as a terminal that is closed sends it. */
const HANG_UP = 1

/** A login shell in the guest's own root. Its output waits for the sink: a slow screen slows the program. */
export async function openShell(
  processes: MachineProcesses,
  name: string,
  size: TerminalSize,
  sink: TerminalSink,
): Promise<TerminalSession> {
  const shell = { host: name }
  const child = await processes.runOnHost({
    ...shell,
    process: {
      terminal: true,
      consoleSize: { width: size.cols, height: size.rows },
      user: { uid: 0, gid: 0 },
      args: ['/bin/bash', '-l'],
      env: ENVIRONMENT,
      cwd: '/root',
    },
  })
  const end = async (): Promise<void> => {
    await show(child.output, sink)
    const status = await child.exited
    sink.exit(status.kind === 'exited' ? status.code : 255)
  }
  void end()
  const input = child.stdin.getWriter()
  return {
    write: (bytes) => input.write(bytes),
    resize: (next) => processes.resize(shell, next),
    close: () => processes.signal(shell, HANG_UP),
  }
}

async function show(
  output: ReadableStream<{ readonly bytes: Uint8Array }>,
  sink: TerminalSink,
): Promise<void> {
  const reader = output.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      await sink.write(value.bytes)
    }
  } catch {
    // The machine was lost; `exited` says so.
  }
}
