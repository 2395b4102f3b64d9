import { STORAGE_DRIVER } from '../images/image.ts'
import type { ContainerSet } from './container-set.ts'
import type { Container } from './container.ts'
import type { HealthState } from '../health/health-state.ts'
import { networkSettings } from './network-settings.ts'
import { commandOf, isRunning, type ContainerRecord } from './record.ts'
import type { ContainerSize } from './size.ts'
import { goTime } from './time.ts'
import { mountView } from '../volumes/mount-point.ts'

/** ContainerInspectResponse (Engine API v1.51), in Docker's order of members. @param size when it was asked for */
export function inspectContainer(
  containers: ContainerSet,
  container: Container,
  size?: ContainerSize,
): Readonly<Record<string, unknown>> {
  const { record } = container
  const { config, hostConfig, state } = record
  const [path = '', ...args] = commandOf(config)
  const { places } = containers.context.machine
  const execs = [...container.runningExecs]
  return {
    Id: record.id,
    Created: goTime(record.created),
    Path: path,
    Args: args,
    State: {
      Status: state.status,
      Running: isRunning(state),
      Paused: state.status === 'paused',
      Restarting: state.status === 'restarting',
      OOMKilled: state.oomKilled,
      Dead: state.status === 'dead',
      Pid: state.pid,
      ExitCode: state.exitCode,
      Error: state.error,
      StartedAt: goTime(state.startedAt),
      FinishedAt: goTime(state.finishedAt),
      ...(state.health ? { Health: healthView(state.health) } : {}),
    },
    Image: record.image,
    ResolvConfPath: places.file(record.id, 'resolv.conf'),
    HostnamePath: places.file(record.id, 'hostname'),
    HostsPath: places.file(record.id, 'hosts'),
    LogPath: '',
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: STORAGE_DRIVER,
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: execs.length > 0 ? execs : null,
    HostConfig: hostConfig,
    GraphDriver: { Data: null, Name: STORAGE_DRIVER },
    ...(size ? { SizeRw: size.own, SizeRootFs: size.all } : {}),
    Mounts: mountPoints(container),
    Config: config,
    NetworkSettings: networkSettings(containers, container),
  }
}

const healthView = (health: HealthState): HealthState => ({
  ...health,
  Log: health.Log.map((result) => ({
    ...result,
    Start: goTime(result.Start),
    End: goTime(result.End),
  })),
})

/** Mounts of a client's; tmpfs by `--tmpfs` is not shown, as in Docker. */
export const mountPoints = ({
  record,
}: Container): readonly Readonly<Record<string, unknown>>[] => [
  ...(record.mounts ?? []).map(mountView),
  ...temporaryMounts(record),
]

const temporaryMounts = ({ hostConfig }: ContainerRecord): Readonly<Record<string, unknown>>[] =>
  (hostConfig.Mounts ?? [])
    .filter(({ Type: type }) => type === 'tmpfs')
    .map((mount) => ({
      Type: mount.Type,
      Source: '',
      Destination: mount.Target,
      Mode: '',
      RW: !mount.ReadOnly,
      Propagation: '',
    }))
