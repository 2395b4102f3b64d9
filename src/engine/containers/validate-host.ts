import { EngineError } from '../../core/error.ts'
import type { CompleteHostConfig } from '../../core/host-config.ts'

const bad = (message: string): EngineError => new EngineError('invalid-parameter', message)

/** `container:web` → ['container', 'web'] */
export function splitMode(mode: string): [kind: string, target: string] {
  const at = mode.indexOf(':')
  return at < 0 ? [mode, ''] : [mode.slice(0, at), mode.slice(at + 1)]
}

/** Namespaces, security, mounts and whatever else may be malformed (moby daemon/container.go, runconfig). */
export function checkHost(host: CompleteHostConfig): void {
  checkModes(host)
  for (const option of host.SecurityOpt ?? []) checkSecurityOption(option)
  checkMounts(host)
  if (host.OomScoreAdj < -1000 || host.OomScoreAdj > 1000) {
    throw bad(`Invalid value ${host.OomScoreAdj}, range for oom score adj is [-1000, 1000]`)
  }
  if (host.ShmSize < 0) throw bad('SHM size can not be less than 0')
  const { Type: driver } = host.LogConfig
  if (!['json-file', 'local', 'none'].includes(driver)) {
    throw bad(`error looking up logging plugin ${driver}: plugin "${driver}" not found`)
  }
  checkDevices(host)
  if (host.Runtime !== 'runc') throw bad(`unknown or invalid runtime name: ${host.Runtime}`)
  for (const line of host.ExtraHosts ?? []) {
    if (!/^[^:=]+[:=].+$/.test(line)) throw bad(`bad format for add-host: "${line}"`)
  }
  for (const port of Object.keys(host.PortBindings)) {
    if (!/^\d+(-\d+)?(\/\w+)?$/.test(port)) throw bad(`invalid port specification: "${port}"`)
  }
}

function checkModes(host: CompleteHostConfig): void {
  const [network, target] = splitMode(host.NetworkMode)
  if (network === 'container' && target === '') {
    throw bad('invalid network mode: invalid container format container:<name|id>')
  }
  if (!['', 'host'].includes(host.PidMode) && !joins(host.PidMode)) {
    throw bad(`invalid PID mode: ${host.PidMode}`)
  }
  if (
    !['', 'none', 'private', 'shareable', 'host'].includes(host.IpcMode) &&
    !joins(host.IpcMode)
  ) {
    throw bad(`invalid IPC mode: ${host.IpcMode}`)
  }
  if (!['', 'host'].includes(host.UTSMode)) throw bad(`invalid UTS mode: ${host.UTSMode}`)
}

const joins = (mode: string): boolean => /^container:.+$/.test(mode)

function checkSecurityOption(option: string): void {
  if (option === 'no-new-privileges') return
  const [name, value] = option.split(/[=:](.*)/s)
  if (value === undefined) {
    throw new EngineError('internal', `invalid --security-opt 1: "${option}"`)
  }
  if (name === 'no-new-privileges' || name === 'label' || name === 'apparmor') return
  if (name !== 'seccomp') {
    throw new EngineError('internal', `invalid --security-opt 2: "${option}"`)
  }
  if (value !== 'unconfined' && value !== 'builtin') {
    throw new EngineError('not-implemented', 'custom seccomp profiles are not supported')
  }
}

/** moby daemon/devices.go handleDevice: no driver is registered here. */
function checkDevices({ DeviceRequests: requests }: CompleteHostConfig): void {
  const [request] = requests ?? []
  if (request) {
    const wanted = (request.Capabilities ?? []).map((names) => `[${names.join(' ')}]`)
    throw new EngineError(
      'invalid-parameter',
      `could not select device driver "${request.Driver ?? ''}" with capabilities: [${wanted.join(' ')}]`,
    )
  }
}

function checkMounts(host: CompleteHostConfig): void {
  for (const target of Object.keys(host.Tmpfs ?? {})) {
    if (!target.startsWith('/')) {
      throw bad(`invalid mount path: '${target}' mount path must be absolute`)
    }
  }
  for (const mount of host.Mounts ?? []) {
    const config = `invalid mount config for type "${mount.Type}"`
    if (!mount.Target) throw bad(`${config}: field Target must not be empty`)
    if (!mount.Target.startsWith('/')) {
      throw bad(`${config}: invalid mount path: '${mount.Target}' mount path must be absolute`)
    }
  }
}
