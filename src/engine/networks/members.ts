import { shortId } from '../../core/short-id.ts'
import type { ContainerSetup } from '../containers/record.ts'
import { splitMode } from '../containers/validate-host.ts'
import type { EndpointConfig } from './attachment.ts'

/** The networks that a container is to be in: first the one that its mode names. */
export function networkNames(setup: ContainerSetup): readonly string[] {
  const [mode] = splitMode(setup.hostConfig.NetworkMode)
  const names = Object.keys(setup.endpoints)
  // Whoever was taken out of its first network is not brought back into it, but for want of any other.
  if (names.length === 0) return [mode]
  return names.toSorted((left, right) => Number(right === mode) - Number(left === mode))
}

export const configOf = (setup: ContainerSetup, name: string): EndpointConfig =>
  setup.endpoints[name] ?? {}

/** What the embedded resolver knows a container by (moby daemon/container_operations.go). */
export function namesOf(setup: ContainerSetup, config: EndpointConfig): readonly string[] {
  const names = [setup.name, ...(config.Aliases ?? []), shortId(setup.id), setup.config.Hostname]
  return [...new Set(names.filter((name) => name !== ''))]
}
