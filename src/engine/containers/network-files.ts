import type { ContainerConfig, HostConfig } from './config.ts'

/** hosts, hostname and resolv.conf of a container, by name: each is bound below /etc. */
export function networkFiles(
  config: ContainerConfig,
  host: HostConfig,
): Readonly<Record<string, string>> {
  const hostname = config.Domainname ? `${config.Hostname}.${config.Domainname}` : config.Hostname
  const extra = (host.ExtraHosts ?? []).map((line) => {
    const [name = '', address = ''] = line.split(/[:=](.*)/s)
    return `${address}\t${name}`
  })
  return {
    'resolv.conf': resolvConf(host),
    hostname: `${hostname}\n`,
    hosts: [
      '127.0.0.1\tlocalhost',
      '::1\tlocalhost ip6-localhost ip6-loopback',
      'fe00::\tip6-localnet',
      'ff00::\tip6-mcastprefix',
      'ff02::1\tip6-allnodes',
      'ff02::2\tip6-allrouters',
      ...extra,
      '',
    ].join('\n'),
  }
}

function resolvConf(host: HostConfig): string {
  const lines = [
    ...host.Dns.map((address) => `nameserver ${address}`),
    ...(host.DnsSearch.length > 0 ? [`search ${host.DnsSearch.join(' ')}`] : []),
    ...(host.DnsOptions.length > 0 ? [`options ${host.DnsOptions.join(' ')}`] : []),
  ]
  return lines.map((line) => `${line}\n`).join('')
}
