import { checkUlimit } from '../../kit/create-values.ts'
import { flag, type Flag } from '../../kit/flags.ts'

/** Of docker/buildx 0.29, and of the classic builder where they mean something here. */
export const buildFlags: readonly Flag[] = [
  flag('--add-host', 'strings', 'Add a custom host-to-IP mapping (format: "host:ip")'),
  flag(
    '--allow',
    'list',
    'Allow extra privileged entitlement (e.g., "network.host", "security.insecure", "device")',
  ),
  flag('--build-arg', 'list', 'Set build-time variables'),
  flag('--build-context', 'list', 'Additional build contexts (e.g., name=path)'),
  flag(
    '--cache-from',
    'list',
    'External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir")',
  ),
  flag(
    '--cache-to',
    'list',
    'Cache export destinations (e.g., "user/app:cache", "type=local,dest=path/to/dir")',
  ),
  flag('--call', 'string', 'Set method for evaluating build ("check", "outline", "targets")', {
    initial: 'build',
  }),
  flag('--check', 'bool', 'Shorthand for "--call=check"'),
  flag('--cpu-period', 'int', 'Limit the CPU CFS (Completely Fair Scheduler) period', {
    hidden: true,
  }),
  flag('--cpu-quota', 'int', 'Limit the CPU CFS (Completely Fair Scheduler) quota', {
    hidden: true,
  }),
  flag('-c, --cpu-shares', 'int', 'CPU shares (relative weight)', { hidden: true }),
  flag('-f, --file', 'string', 'Name of the Dockerfile (default: "PATH/Dockerfile")'),
  flag('--force-rm', 'bool', 'Always remove intermediate containers', { hidden: true }),
  flag('--iidfile', 'string', 'Write the image ID to a file'),
  flag('--label', 'list', 'Set metadata for an image'),
  flag('--load', 'bool', 'Shorthand for "--output=type=docker"'),
  flag('-m, --memory', 'bytes', 'Memory limit', { hidden: true }),
  flag(
    '--memory-swap',
    'bytes',
    "Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
    { hidden: true },
  ),
  flag('--metadata-file', 'string', 'Write build result metadata to a file'),
  flag('--network', 'string', 'Set the networking mode for the "RUN" instructions during build', {
    initial: 'default',
  }),
  flag('--no-cache', 'bool', 'Do not use cache when building the image'),
  flag('--no-cache-filter', 'strings', 'Do not cache specified stages'),
  flag('-o, --output', 'list', 'Output destination (format: "type=local,dest=path")'),
  flag('--platform', 'strings', 'Set target platform for build'),
  flag(
    '--progress',
    'string',
    'Set type of progress output ("auto", "none",  "plain", "quiet", "rawjson", "tty"). Use plain to show container output',
    { shownInitial: 'auto' },
  ),
  flag('--pull', 'bool', 'Always attempt to pull all referenced images'),
  flag('--push', 'bool', 'Shorthand for "--output=type=registry"'),
  flag('-q, --quiet', 'bool', 'Suppress the build output and print image ID on success'),
  flag('--rm', 'bool', 'Remove intermediate containers after a successful build', {
    hidden: true,
    initial: 'true',
  }),
  flag(
    '--secret',
    'list',
    'Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")',
  ),
  flag('--shm-size', 'bytes', 'Shared memory size for build containers'),
  flag(
    '--ssh',
    'list',
    'SSH agent socket or keys to expose to the build (format: "default|<id>[=<socket>|<key>[,<key>]]")',
  ),
  flag('-t, --tag', 'list', 'Image identifier (format: "[registry/]repository[:tag]")'),
  flag('--target', 'string', 'Set the target build stage to build'),
  flag('--ulimit', 'ulimit', 'Ulimit options', { check: checkUlimit }),
]
