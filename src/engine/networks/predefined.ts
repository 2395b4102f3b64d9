import type { NetworkRecord } from './record.ts'

export const predefined = ['bridge', 'host', 'none'] as const

/** What a bridge of Docker's own has (moby daemon/daemon_unix.go). */
const defaultBridge = {
  'com.docker.network.bridge.default_bridge': 'true',
  'com.docker.network.bridge.enable_icc': 'true',
  'com.docker.network.bridge.enable_ip_masquerade': 'true',
  'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
  'com.docker.network.bridge.name': 'docker0',
  'com.docker.network.driver.mtu': '1500',
}

/** A network that is always there. */
export function predefinedRecord(
  name: (typeof predefined)[number],
  id: string,
  created: string,
): NetworkRecord {
  const bridge = name === 'bridge'
  return {
    schema: 2,
    id,
    name,
    driver: name === 'none' ? 'null' : name,
    created,
    ipv4: true,
    ipv6: false,
    internal: false,
    attachable: false,
    ipam: {
      options: null,
      config: bridge ? [{ Subnet: '172.17.0.0/16', Gateway: '172.17.0.1' }] : [],
      chosen: [],
    },
    options: bridge ? defaultBridge : {},
    labels: {},
  }
}
