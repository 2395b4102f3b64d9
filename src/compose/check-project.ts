import { ComposeError } from './compose-error.ts'
import type { Project } from './project.ts'
import type { ServiceConfig } from './service.ts'

type Whole = Pick<
  Project,
  'services' | 'disabledServices' | 'networks' | 'volumes' | 'secrets' | 'configs' | 'models'
>

function fail(message: string, path: string): never {
  throw new ComposeError(message, { path })
}

/** What a service names has to be there, and what it sets has to agree. */
export function checkProject(project: Whole): void {
  for (const [name, service] of Object.entries(project.services)) {
    const at = `services.${name}`
    if (!service.build && service.image === undefined && !service.provider) {
      fail(
        `service "${name}" has neither an image nor a build context specified: invalid compose project`,
        at,
      )
    }
    checkBuild(name, service, project)
    checkReferences(name, service, project)
    checkScale(name, service)
    checkLimits(name, service)
    checkMounts(name, service)
  }
  const names = new Map<string, string>()
  for (const [name, { container_name: own }] of Object.entries(project.services)) {
    const other = own === undefined ? undefined : names.get(own)
    if (other !== undefined) {
      fail(
        `services.${name}: container name "${own ?? ''}" is already in use by service ${other}`,
        `services.${name}.container_name`,
      )
    }
    if (own !== undefined) names.set(own, name)
  }
  for (const [name, secret] of Object.entries(project.secrets)) {
    if (secret.external !== true && secret.file === undefined && secret.environment === undefined) {
      fail(
        `secret "${name}" must declare either \`file\` or \`environment\`: invalid compose project`,
        `secrets.${name}`,
      )
    }
  }
  checkCycles(project)
}

function checkBuild(name: string, { build, platform }: ServiceConfig, project: Whole): void {
  if (!build) return
  const at = `services.${name}.build`
  if (build.dockerfile_inline !== undefined && build.dockerfile !== undefined) {
    fail(
      `service "${name}" declares mutualy exclusive dockerfile and dockerfile_inline: invalid compose project`,
      at,
    )
  }
  for (const [context, source] of Object.entries(build.additional_contexts ?? {})) {
    if (!source.startsWith('service:')) continue
    const target = source.slice('service:'.length)
    const other = project.services[target]
    if (!other)
      fail(
        `service "${name}" declares unknown service "${target}" as additional contexts ${context}`,
        at,
      )
    if (!other.build) {
      fail(
        `service "${name}" declares non-buildable service "${target}" as additional contexts ${context}`,
        at,
      )
    }
  }
  if (platform !== undefined && build.platforms && !build.platforms.includes(platform)) {
    fail(
      `service.build.platforms MUST include service.platform "${platform}": invalid compose project`,
      at,
    )
  }
  for (const { source } of build.secrets ?? []) {
    if (!project.secrets[source]) {
      fail(
        `service "${name}" refers to undefined build secret ${source}: invalid compose project`,
        at,
      )
    }
  }
}

function checkReferences(name: string, service: ServiceConfig, project: Whole): void {
  const at = `services.${name}`
  const undefinedKey = (kind: string, key: string): never =>
    fail(
      `service "${name}" refers to undefined ${kind} ${key}: invalid compose project`,
      `${at}.${kind}s`,
    )
  if (service.network_mode !== undefined && service.networks) {
    fail(
      `service ${name} declares mutually exclusive \`network_mode\` and \`networks\`: invalid compose project`,
      at,
    )
  }
  for (const key of Object.keys(service.networks ?? {})) {
    if (!(key in project.networks)) undefinedKey('network', key)
  }
  const [kind] = service.healthcheck?.test ?? []
  if (kind !== undefined && !['CMD', 'CMD-SHELL', 'NONE'].includes(kind)) {
    fail(
      'healthcheck.test must start either by "CMD", "CMD-SHELL" or "NONE"',
      `${at}.healthcheck.test`,
    )
  }
  for (const [other, { required }] of Object.entries(service.depends_on ?? {})) {
    if (project.services[other] || (!required && project.disabledServices[other])) continue
    fail(
      `service "${name}" depends on undefined service "${other}": invalid compose project`,
      `${at}.depends_on`,
    )
  }
  if (service.network_mode?.startsWith('service:') === true) {
    const other = service.network_mode.slice('service:'.length)
    if (!project.services[other]) {
      fail(`service "${other}" not found for network_mode 'service:${other}'`, `${at}.network_mode`)
    }
  }
  for (const { type, source } of service.volumes ?? []) {
    if (type === 'volume' && source !== undefined && !project.volumes[source])
      undefinedKey('volume', source)
  }
  for (const { source } of service.configs ?? []) {
    if (!project.configs[source]) undefinedKey('config', source)
  }
  for (const model of Object.keys(service.models ?? {})) {
    if (!project.models[model]) undefinedKey('model', model)
  }
  for (const { source } of service.secrets ?? []) {
    if (!project.secrets[source]) undefinedKey('secret', source)
  }
}

function checkScale(name: string, service: ServiceConfig): void {
  const at = `services.${name}`
  const { scale, deploy } = service
  const replicas = deploy?.replicas
  if (scale !== undefined && replicas !== undefined && scale !== replicas) {
    fail(
      `${at}: can't set distinct values on 'scale' and 'deploy.replicas': invalid compose project`,
      at,
    )
  }
  if (scale !== undefined && scale < 0)
    fail(`${at}.scale: must be greater than or equal to 0`, `${at}.scale`)
  if (replicas !== undefined && replicas < 0) {
    fail(`${at}.deploy.replicas: must be greater than or equal to 0`, `${at}.deploy.replicas`)
  }
  if ((scale ?? replicas ?? 1) > 1 && service.container_name !== undefined) {
    // The names stand in this order in Compose's own sentence.
    const attribute = scale === undefined ? 'deploy.replicas' : 'scale'
    fail(
      `services.${attribute}: can't set container_name and ${name} as container name must be unique: invalid compose project`,
      `${at}.container_name`,
    )
  }
  for (const { target, action } of service.develop?.watch ?? []) {
    if (target === undefined && action !== 'rebuild' && action !== 'restart') {
      fail(
        `${at}.develop.watch: target is required for non-rebuild actions: invalid compose project`,
        `${at}.develop.watch`,
      )
    }
  }
}

function checkLimits(name: string, service: ServiceConfig): void {
  const { limits, reservations } = service.deploy?.resources ?? {}
  const pairs = [
    ['cpus', service.cpus, limits, limits?.cpus, 'limits.cpus'],
    ['mem_limit', service.mem_limit, limits, limits?.memory, 'limits.memory'],
    [
      'mem_reservation',
      service.mem_reservation,
      reservations,
      reservations?.memory,
      'reservations.memory',
    ],
    ['pids_limit', service.pids_limit, limits, limits?.pids, 'limits.pids'],
  ] as const
  for (const [key, own, group, other, path] of pairs) {
    if (own !== undefined && group && own !== other) {
      fail(
        `services.${name}: can't set distinct values on '${key}' and 'deploy.resources.${path}': invalid compose project`,
        `services.${name}.${key}`,
      )
    }
  }
}

function checkMounts(name: string, { tmpfs, volumes }: ServiceConfig): void {
  const mounts = new Map<string, string>()
  const add = (target: string, at: string): void => {
    const other = mounts.get(target)
    if (other !== undefined) fail(`${at}: target ${target} already mounted as ${other}`, at)
    mounts.set(target, at)
  }
  for (const [index, text] of (tmpfs ?? []).entries()) {
    add(text.split(':', 1)[0] ?? '', `services.${name}.tmpfs[${index}]`)
  }
  for (const [index, { target }] of (volumes ?? []).entries()) {
    add(target, `services.${name}.volumes[${index}]`)
  }
}

function checkCycles({ services }: Pick<Project, 'services'>): void {
  const done = new Set<string>()
  const visit = (name: string, path: readonly string[]): void => {
    const at = path.indexOf(name)
    if (at >= 0) {
      fail(
        `dependency cycle detected: ${[...path.slice(at), name].join(' -> ')}`,
        `services.${name}.depends_on`,
      )
    }
    if (done.has(name)) return
    for (const other of Object.keys(services[name]?.depends_on ?? {})) visit(other, [...path, name])
    done.add(name)
  }
  for (const name of Object.keys(services)) visit(name, [])
}
