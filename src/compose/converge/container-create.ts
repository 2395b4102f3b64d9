import type { ContainerCreateRequest, Labels } from '../../core/engine-api.ts'
import type { OciHealthcheck } from '../../core/oci.ts'
import { parseDuration } from '../../codec/go-duration.ts'
import { imageName } from '../image-name.ts'
import type { HealthcheckConfig, ServiceConfig } from '../service.ts'
import type { Creation } from './creation.ts'
import { endpoints } from './endpoints.ts'
import { hostConfig } from './host-config.ts'
import * as label from './labels.ts'

/** The body of the request, as docker compose sends it (pkg/compose/create.go, getCreateConfigs). */
export function containerCreate(creation: Creation): ContainerCreateRequest {
  const { project, name, service, attachStdin = false } = creation
  const { healthcheck, stop_grace_period: grace } = service
  const check = healthcheck && healthcheckOf(healthcheck)
  const stdin = service.stdin_open === true
  return {
    ...(service.hostname !== undefined && { Hostname: service.hostname }),
    ...(service.domainname !== undefined && { Domainname: service.domainname }),
    ...(service.user !== undefined && { User: service.user }),
    ExposedPorts: exposedPorts(service),
    Tty: service.tty === true,
    OpenStdin: stdin,
    StdinOnce: attachStdin && stdin,
    AttachStdin: attachStdin,
    AttachStdout: true,
    AttachStderr: true,
    Cmd: service.command,
    Image: imageName(project, name, service),
    ...(service.working_dir !== undefined && { WorkingDir: service.working_dir }),
    Entrypoint: service.entrypoint,
    NetworkDisabled: service.network_mode === 'disabled',
    Labels: labelsOf(creation),
    ...(service.stop_signal !== undefined && { StopSignal: service.stop_signal }),
    Env: environmentList(service.environment ?? {}),
    ...(check && { Healthcheck: check }),
    ...(grace !== undefined && { StopTimeout: Math.trunc(parseDuration(grace) / 1e9) }),
    HostConfig: hostConfig(creation),
    ...endpoints(creation),
  }
}

function exposedPorts({ expose = [], ports = [] }: ServiceConfig): Record<string, object> {
  const all = [...expose, ...ports.map(({ target, protocol = 'tcp' }) => `${target}/${protocol}`)]
  return Object.fromEntries(all.map((port) => [port, {}]))
}

/** A variable without a value stays a name alone, which unsets it. */
export const environmentList = (
  environment: NonNullable<ServiceConfig['environment']>,
): readonly string[] =>
  Object.entries(environment).map(([key, value]) => (value === null ? key : `${key}=${value}`))

function labelsOf({ project, name, service, hash, image, number, labels }: Creation): Labels {
  const dependencies = Object.entries(service.depends_on ?? {}).map(
    ([other, { condition, restart = false }]) => `${other}:${condition}:${restart}`,
  )
  return {
    ...service.labels,
    [label.PROJECT]: project.name,
    [label.SERVICE]: name,
    [label.VERSION]: label.COMPOSE_VERSION,
    [label.WORKING_DIR]: project.workingDirectory,
    [label.CONFIG_FILES]: project.composeFiles.join(','),
    [label.ONEOFF]: 'False',
    [label.IMAGE]: image,
    [label.CONFIG_HASH]: hash,
    ...(number > 0 && { [label.CONTAINER_NUMBER]: String(number) }),
    [label.DEPENDS_ON]: dependencies.join(','),
    ...labels,
  }
}

function healthcheckOf(check: HealthcheckConfig): OciHealthcheck {
  const time = (text: string | undefined): number => (text === undefined ? 0 : parseDuration(text))
  return {
    ...((check.disable === true || check.test) && {
      Test: check.disable === true ? ['NONE'] : check.test,
    }),
    Interval: time(check.interval),
    Timeout: time(check.timeout),
    StartPeriod: time(check.start_period),
    StartInterval: time(check.start_interval),
    Retries: check.retries ?? 0,
  }
}
