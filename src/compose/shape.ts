/** How a value of the model is read from YAML and printed again. */
export type Shape =
  | { readonly kind: 'text' | 'bool' | 'int' | 'float' | 'bytes' | 'duration' | 'count' }
  | {
      readonly kind:
        | 'command'
        | 'test'
        | 'texts'
        | 'list-or-text'
        | 'mapping'
        | 'labels'
        | 'environment'
    }
  | { readonly kind: 'options' | 'hosts' | 'ssh' | 'env-files' | 'ulimit' | 'mode' }
  | { readonly kind: 'list'; readonly of: Shape }
  | { readonly kind: 'map'; readonly of: Shape }
  | { readonly kind: 'struct'; readonly fields: Readonly<Record<string, Field>> }

export interface Field {
  readonly shape: Shape
  /**
   * Where it is printed though it is empty: `set` when it was given (Go's pointers), `json` and `always`
   * also when it was not (structs and commands have no zero value in JSON).
   */
  readonly empty: 'omitted' | 'set' | 'json' | 'always'
  /** Its name in JSON, where that is another. */
  readonly json?: string
}

const field = (shape: Shape): Field => ({ shape, empty: 'omitted' })
const set = (shape: Shape): Field => ({ shape, empty: 'set' })
const always = (shape: Shape, json?: string): Field => ({
  shape,
  empty: 'always',
  ...(json !== undefined && { json }),
})
const struct = (fields: Readonly<Record<string, Field>>): Shape => ({ kind: 'struct', fields })
const scalar = (kind: Exclude<Shape['kind'], 'list' | 'map' | 'struct'>): Field => ({
  shape: { kind },
  empty: 'omitted',
})
const list = (of: Shape): Field => field({ kind: 'list', of })
const map = (of: Shape): Field => field({ kind: 'map', of })

const text = scalar('text')
const texts = scalar('texts')
const bool = scalar('bool')
const int = scalar('int')
const float = scalar('float')
const bytes = scalar('bytes')
const mapping = scalar('mapping')
const labels = scalar('labels')
const options = scalar('options')
const environment = scalar('environment')
const duration = scalar('duration')
const optionalDuration = set(duration.shape)
const command: Field = { shape: { kind: 'command' }, empty: 'json' }

// In the order of compose-go's structs (v2.9.1, types): documents and hashes keep it.
const fileReference = struct({
  source: text,
  target: text,
  uid: text,
  gid: text,
  mode: set({ kind: 'mode' }),
})

const build = struct({
  context: text,
  dockerfile: text,
  dockerfile_inline: text,
  entitlements: texts,
  args: environment,
  provenance: text,
  sbom: text,
  ssh: scalar('ssh'),
  labels,
  cache_from: texts,
  cache_to: texts,
  no_cache: bool,
  additional_contexts: mapping,
  pull: bool,
  extra_hosts: scalar('hosts'),
  isolation: text,
  network: text,
  target: text,
  secrets: list(fileReference),
  shm_size: bytes,
  tags: texts,
  ulimits: map({ kind: 'ulimit' }),
  platforms: texts,
  privileged: bool,
})

const hook = struct({
  command,
  user: text,
  privileged: bool,
  working_dir: text,
  environment,
})

const throttle = list(
  struct({ path: always(text.shape, 'Path'), rate: always(bytes.shape, 'Rate') }),
)

const deviceRequest = struct({
  capabilities: texts,
  driver: text,
  count: scalar('count'),
  device_ids: texts,
  options: mapping,
})

const resource = struct({
  cpus: float,
  memory: bytes,
  pids: int,
  devices: list(deviceRequest),
  generic_resources: list(
    struct({
      discrete_resource_spec: set(struct({ kind: always(text.shape), value: always(int.shape) })),
    }),
  ),
})

const update = struct({
  parallelism: set(int.shape),
  delay: duration,
  failure_action: text,
  monitor: duration,
  max_failure_ratio: float,
  order: text,
})

const deploy = struct({
  mode: text,
  replicas: set(int.shape),
  labels,
  update_config: set(update),
  rollback_config: set(update),
  resources: {
    shape: struct({ limits: set(resource), reservations: set(resource) }),
    empty: 'json',
  },
  restart_policy: set(
    struct({
      condition: text,
      delay: optionalDuration,
      max_attempts: set(int.shape),
      window: optionalDuration,
    }),
  ),
  placement: {
    shape: struct({
      constraints: texts,
      preferences: list(struct({ spread: text })),
      max_replicas_per_node: int,
    }),
    empty: 'json',
  },
  endpoint_mode: text,
})

const serviceNetwork = struct({
  aliases: texts,
  driver_opts: options,
  gw_priority: int,
  interface_name: text,
  ipv4_address: text,
  ipv6_address: text,
  link_local_ips: texts,
  mac_address: text,
  priority: int,
})

const service = struct({
  profiles: texts,
  annotations: mapping,
  attach: set(bool.shape),
  build: set(build),
  develop: set(
    struct({
      watch: list(
        struct({
          path: always(text.shape),
          action: always(text.shape),
          target: text,
          exec: { shape: hook, empty: 'json' },
          include: texts,
          ignore: texts,
          initial_sync: bool,
        }),
      ),
    }),
  ),
  blkio_config: set(
    struct({
      weight: int,
      weight_device: list(
        struct({ path: always(text.shape, 'Path'), weight: always(int.shape, 'Weight') }),
      ),
      device_read_bps: throttle,
      device_read_iops: throttle,
      device_write_bps: throttle,
      device_write_iops: throttle,
    }),
  ),
  cap_add: texts,
  cap_drop: texts,
  cgroup_parent: text,
  cgroup: text,
  cpu_count: int,
  cpu_percent: float,
  cpu_period: int,
  cpu_quota: int,
  cpu_rt_period: int,
  cpu_rt_runtime: int,
  cpus: float,
  cpuset: text,
  cpu_shares: int,
  command,
  configs: list(fileReference),
  container_name: text,
  credential_spec: set(struct({ config: text, file: text, registry: text })),
  depends_on: map(struct({ condition: text, restart: bool, required: always(bool.shape) })),
  deploy: set(deploy),
  device_cgroup_rules: texts,
  devices: list(struct({ source: text, target: text, permissions: text })),
  dns: scalar('list-or-text'),
  dns_opt: texts,
  dns_search: scalar('list-or-text'),
  dockerfile: text,
  domainname: text,
  entrypoint: command,
  provider: set(struct({ type: text, options: map(texts.shape) })),
  environment,
  env_file: scalar('env-files'),
  expose: texts,
  extends: set(struct({ file: text, service: text })),
  external_links: texts,
  extra_hosts: scalar('hosts'),
  group_add: texts,
  gpus: list(deviceRequest),
  hostname: text,
  healthcheck: set(
    struct({
      test: scalar('test'),
      timeout: optionalDuration,
      interval: optionalDuration,
      retries: set(int.shape),
      start_period: optionalDuration,
      start_interval: optionalDuration,
      disable: bool,
    }),
  ),
  image: text,
  init: set(bool.shape),
  ipc: text,
  isolation: text,
  labels,
  label_file: texts,
  links: texts,
  logging: set(struct({ driver: text, options })),
  mem_limit: bytes,
  mem_reservation: bytes,
  memswap_limit: bytes,
  mem_swappiness: bytes,
  mac_address: text,
  models: map(struct({ endpoint_var: text, model_var: text })),
  network_mode: text,
  networks: map(serviceNetwork),
  oom_kill_disable: bool,
  oom_score_adj: int,
  pid: text,
  pids_limit: int,
  platform: text,
  ports: list(
    struct({
      name: text,
      mode: text,
      host_ip: text,
      target: int,
      published: text,
      protocol: text,
      app_protocol: text,
    }),
  ),
  privileged: bool,
  pull_policy: text,
  read_only: bool,
  restart: text,
  runtime: text,
  scale: set(int.shape),
  secrets: list(fileReference),
  security_opt: texts,
  shm_size: bytes,
  stdin_open: bool,
  stop_grace_period: optionalDuration,
  stop_signal: text,
  storage_opt: options,
  sysctls: mapping,
  tmpfs: scalar('list-or-text'),
  tty: bool,
  ulimits: map({ kind: 'ulimit' }),
  use_api_socket: bool,
  user: text,
  userns_mode: text,
  uts: text,
  volumes: list(
    struct({
      type: text,
      source: text,
      target: text,
      read_only: bool,
      consistency: text,
      bind: set(
        struct({ selinux: text, propagation: text, create_host_path: bool, recursive: text }),
      ),
      volume: set(struct({ labels: mapping, nocopy: bool, subpath: text })),
      tmpfs: set(struct({ size: bytes, mode: int })),
      image: set(struct({ subpath: text })),
    }),
  ),
  volumes_from: texts,
  working_dir: text,
  post_start: list(hook),
  pre_stop: list(hook),
})

const network = struct({
  name: text,
  driver: text,
  driver_opts: options,
  ipam: {
    shape: struct({
      driver: text,
      config: list(struct({ subnet: text, gateway: text, ip_range: text, aux_addresses: mapping })),
    }),
    empty: 'json',
  },
  external: bool,
  internal: bool,
  attachable: bool,
  labels,
  enable_ipv4: set(bool.shape),
  enable_ipv6: set(bool.shape),
})

const fileObject = struct({
  name: text,
  file: text,
  environment: text,
  content: text,
  external: bool,
  labels,
  driver: text,
  driver_opts: options,
  template_driver: text,
})

/** Of the resources that a project has, by their key in it. */
export const shapes: Readonly<
  Record<'services' | 'networks' | 'volumes' | 'secrets' | 'configs' | 'models', Shape>
> = {
  services: service,
  networks: network,
  volumes: struct({ name: text, driver: text, driver_opts: options, external: bool, labels }),
  secrets: fileObject,
  configs: fileObject,
  models: struct({ name: text, model: text, context_size: int, runtime_flags: texts }),
}
