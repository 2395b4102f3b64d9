import { flag, type Flag } from '../kit/flags.ts'

/** Before the command. What is of no use here is understood and left alone. */
export const globalFlags: readonly Flag[] = [
  flag('--config', 'string', 'Location of client config files', { initial: '/root/.docker' }),
  flag(
    '-c, --context',
    'string',
    'Name of the context to use to connect to the daemon (overrides DOCKER_HOST env var and default context set with "docker context use")',
  ),
  flag('-D, --debug', 'bool', 'Enable debug mode'),
  flag('-H, --host', 'string', 'Daemon socket to connect to'),
  flag(
    '-l, --log-level',
    'string',
    'Set the logging level ("debug", "info", "warn", "error", "fatal")',
    {
      initial: 'info',
    },
  ),
  flag('-v, --version', 'bool', 'Print version information and quit'),
]
