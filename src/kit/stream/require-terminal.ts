import type { CliHost } from '../../ports/cli-host.ts'
import { ExitError } from '../command.ts'

/**
 * A container's terminal needs the user's.
 * @throws ExitError in Docker's words
 */
export function requireTerminal(host: CliHost, stdin: boolean, tty: boolean): void {
  if (stdin && tty && !host.tty[0]) throw new ExitError(1, 'the input device is not a TTY')
}
