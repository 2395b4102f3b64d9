import type { ComposeCase } from './compose-case.ts'

export const forms: readonly ComposeCase[] = [
  {
    name: 'smallest',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
`,
    },
  },
  {
    name: 'ports short',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    ports:
      - 80
      - "8080:80"
      - "127.0.0.1:8443:443"
      - "9000-9002:9000-9002"
      - "53:53/udp"
      - "[::1]:81:81"
      - "3000-3005"
      - "5000-5010:5000"
`,
    },
  },
  {
    name: 'ports long',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    ports:
      - target: 80
        published: "8080"
        host_ip: 127.0.0.1
        protocol: udp
        mode: host
        name: http
        app_protocol: http
      - target: 81
        published: 8081
`,
    },
  },
  {
    name: 'volumes short',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    volumes:
      - /anonymous
      - data:/data
      - ./src:/src:ro
      - ../up:/up:rw,z
      - ~/home:/home:rshared
      - data:/copy:nocopy
volumes:
  data:
`,
    },
  },
  {
    name: 'volumes long',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    volumes:
      - type: bind
        source: ./src
        target: /src/
        read_only: true
        bind: {propagation: rslave, create_host_path: false, selinux: Z}
      - type: volume
        source: data
        target: /data
        volume: {nocopy: true, subpath: a/b}
      - type: tmpfs
        target: /tmp
        tmpfs: {size: 64m, mode: 0o1777}
      - type: image
        source: busybox
        target: /image
        image: {subpath: bin}
volumes:
  data: {}
`,
    },
  },
  {
    name: 'command forms',
    files: {
      'compose.yaml': `services:
  a: {image: x, command: "sh -c 'echo \\"hi there\\" $$HOME' -- a\\\\ b", entrypoint: ["/bin/tini", "--"]}
  b: {image: x, command: [], entrypoint: ""}
  c: {image: x, command: null}
  d: {image: x, command: [a, "b c", "1"]}
`,
    },
  },
  {
    name: 'environment forms',
    files: {
      'compose.yaml': `services:
  a:
    image: x
    environment: {A: 1, B: true, C: null, D: "", E: 1.5, F: "x=y", HOSTED: }
  b:
    image: x
    environment: [A=1, B, "C=", HOSTED, "Z=a=b"]
`,
    },
    environment: { HOSTED: 'yes' },
  },
  {
    name: 'labels and annotations',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    labels: [a=1, b, "c=x=y"]
    annotations: {one: 1, two: "2"}
`,
    },
  },
  {
    name: 'healthcheck',
    files: {
      'compose.yaml': `services:
  a: {image: x, healthcheck: {test: "curl -f http://localhost", interval: 1m30s, timeout: 10s, retries: 3, start_period: 40s, start_interval: 500ms}}
  b: {image: x, healthcheck: {test: [CMD, "true"], interval: 1h}}
  c: {image: x, healthcheck: {disable: true}}
  d: {image: x, healthcheck: {test: NONE}}
`,
    },
  },
  {
    name: 'depends_on forms',
    files: {
      'compose.yaml': `services:
  a: {image: x, depends_on: [b, c]}
  b: {image: x, depends_on: {c: {condition: service_healthy, restart: true}}}
  c: {image: x, depends_on: {d: {condition: service_completed_successfully, required: false}}}
  d: {image: x}
`,
    },
  },
  {
    name: 'networks',
    files: {
      'compose.yaml': `services:
  a:
    image: x
    networks:
      front: {aliases: [web, www], ipv4_address: 172.16.1.10, priority: 5}
      back:
  b: {image: x, networks: [back]}
  c: {image: x, network_mode: host}
  d: {image: x, network_mode: "service:a"}
networks:
  front:
    driver: bridge
    driver_opts: {com.docker.network.bridge.name: br0, n: 1}
    ipam:
      driver: default
      config: [{subnet: 172.16.1.0/24, gateway: 172.16.1.1, ip_range: 172.16.1.0/28, aux_addresses: {host1: 172.16.1.5}}]
    labels: {a: b}
    internal: true
    enable_ipv6: true
    attachable: true
  back: {name: shared, external: true}
`,
    },
  },
  {
    name: 'secrets and configs',
    files: {
      'compose.yaml': `services:
  a:
    image: x
    secrets: [one, {source: two, target: second, uid: "103", gid: "103", mode: 0440}]
    configs: [conf, {source: inline, target: /etc/inline, mode: "0444"}, fromenv]
secrets:
  one: {file: ./one.txt}
  two: {environment: TWO}
configs:
  conf: {file: ./conf.txt}
  inline: {content: "a: $\${B}\\nline two\\n"}
  fromenv: {environment: TWO}
`,
    },
    environment: { TWO: 's3cret' },
  },
  {
    name: 'external resources',
    files: {
      'compose.yaml': `services:
  a: {image: x, secrets: [s], configs: [c], volumes: ["v:/v"]}
secrets: {s: {external: true}}
configs: {c: {external: true, name: other}}
volumes: {v: {external: true}}
`,
    },
  },
  {
    name: 'build short',
    files: {
      'compose.yaml': `services:
  a:
    build: ./dir
  b:
    build: .
    image: mine:1
`,
    },
  },
  {
    name: 'build long',
    files: {
      'compose.yaml': `services:
  a:
    build:
      context: ./dir
      dockerfile: Dockerfile.alt
      args: {VERSION: 1, EMPTY: , FROM_ENV: }
      target: prod
      cache_from: [type=local,src=x]
      cache_to: [type=local,dest=x]
      labels: [a=b]
      network: host
      platforms: [linux/amd64, linux/arm64]
      tags: [a:1, a:2]
      shm_size: 64m
      extra_hosts: ["h:1.2.3.4"]
      ssh: [default, k=./key]
      no_cache: true
      pull: true
      privileged: true
      additional_contexts: [r=./res, i=docker-image://alpine]
      secrets: [s]
      ulimits: {nofile: 100}
      entitlements: [network.host]
      isolation: default
      provenance: true
      sbom: false
secrets: {s: {file: s.txt}}
`,
    },
    environment: { FROM_ENV: 'yes' },
  },
  {
    name: 'build inline and remote',
    files: {
      'compose.yaml': `services:
  a:
    build:
      context: https://github.com/x/y.git#main
      dockerfile_inline: |
        FROM alpine
        RUN echo "hi" > /x
  b:
    build:
      args: [A=1, B]
`,
    },
  },
  {
    name: 'deploy',
    files: {
      'compose.yaml': `services:
  a:
    image: x
    deploy:
      mode: replicated
      replicas: 3
      labels: {a: 1}
      update_config: {parallelism: 2, delay: 10s, failure_action: rollback, monitor: 1m, max_failure_ratio: 0.3, order: start-first}
      rollback_config: {parallelism: 0}
      resources:
        limits: {cpus: "0.50", memory: 50M, pids: 10}
        reservations: {cpus: "0.25", memory: 20M, devices: [{capabilities: [gpu], driver: nvidia, count: 1}, {capabilities: [tpu]}], generic_resources: [{discrete_resource_spec: {kind: gpu, value: 2}}]}
      restart_policy: {condition: on-failure, delay: 5s, max_attempts: 3, window: 120s}
      placement: {constraints: [node.role==manager], preferences: [{spread: node.labels.zone}], max_replicas_per_node: 1}
      endpoint_mode: vip
  b: {image: x, deploy: {}}
`,
    },
  },
  {
    name: 'everything small',
    files: {
      'compose.yaml': `services:
  a:
    image: x
    attach: false
    cap_add: [NET_ADMIN]
    cap_drop: [ALL]
    cgroup: private
    cgroup_parent: p
    container_name: cc
    cpu_count: 2
    cpu_percent: 50.5
    cpu_period: 1000
    cpu_quota: 500
    cpu_shares: 10
    cpus: 0.5
    cpuset: "0,1"
    device_cgroup_rules: ["c 1:3 mr"]
    devices: [/dev/a, "/dev/b:/dev/c", "/dev/d:/dev/e:r"]
    dns: 8.8.8.8
    dns_opt: [use-vc]
    dns_search: [a.com, b.com]
    domainname: d
    expose: [80, "81-82", "90/udp"]
    external_links: [redis]
    extra_hosts: ["a:1.2.3.4", "b=::1", "c:[::1]"]
    group_add: [mail, 100]
    hostname: h
    init: true
    ipc: host
    isolation: default
    logging: {driver: json-file, options: {max-size: 1m, max-file: 3, n: null}}
    mac_address: 02:42:ac:11:65:43
    mem_limit: 1gb
    mem_reservation: 512m
    mem_swappiness: 10
    memswap_limit: -1
    oom_kill_disable: true
    oom_score_adj: -500
    pid: host
    pids_limit: 100
    platform: linux/amd64
    privileged: true
    pull_policy: if_not_present
    read_only: true
    restart: unless-stopped
    runtime: runc
    scale: 1
    security_opt: [no-new-privileges]
    shm_size: 64m
    stdin_open: true
    stop_grace_period: 1m30s
    stop_signal: SIGUSR1
    storage_opt: {size: 1G}
    sysctls: {net.core.somaxconn: 1024}
    tmpfs: [/run, "/tmp:size=1m"]
    tty: true
    ulimits: {nproc: 65535, nofile: {soft: 20000, hard: 40000}}
    user: "0"
    userns_mode: host
    uts: host
    working_dir: /w
    credential_spec: {file: cred.json}
    blkio_config: {weight: 300, weight_device: [{path: /dev/sda, weight: 400}], device_read_bps: [{path: /dev/sdb, rate: 12mb}]}
    post_start: [{command: ./start.sh, user: root, privileged: true, environment: [A=1]}]
    pre_stop: [{command: [a, b], working_dir: /x}]
    use_api_socket: true
`,
    },
  },
  {
    name: 'links and volumes_from',
    files: {
      'compose.yaml': `services:
  a: {image: x, links: ["b:bb", c], volumes_from: ["d:ro", "container:e"], pid: "service:b"}
  b: {image: x}
  c: {image: x}
  d: {image: x}
`,
    },
  },
  {
    name: 'develop',
    files: {
      'compose.yaml': `services:
  a:
    build: .
    develop:
      watch:
        - {path: ./src, action: sync, target: /app, ignore: node_modules/, include: ["*.js"], initial_sync: true}
        - {path: package.json, action: rebuild}
        - {path: ./conf, action: sync+exec, target: /c, exec: {command: reload}}
`,
    },
  },
  {
    name: 'gpus and provider',
    files: {
      'compose.yaml': `services:
  a: {image: x, gpus: all}
  b: {image: x, gpus: [{driver: nvidia, count: 2}]}
  c: {provider: {type: cloud, options: {a: 1, b: [x, y]}}}
`,
    },
  },
  {
    name: 'models',
    files: {
      'compose.yaml': `services:
  a: {image: x, models: [m]}
  b: {image: x, models: {m: {endpoint_var: E, model_var: M}}}
models: {m: {model: ai/x, context_size: 1024, runtime_flags: ["--a"]}}
`,
    },
  },
  {
    name: 'extensions',
    files: {
      'compose.yaml': `x-top: {b: 1, a: [1, {z: 2}]}
services:
  a:
    image: x
    x-own: {k: v}
    build: {context: ., x-build: 1}
    ports: [{target: 1, x-p: q}]
networks: {default: {x-net: 1}}
`,
    },
  },
  {
    name: 'scalars to quote',
    files: {
      'compose.yaml': `services:
  a:
    image: x
    environment:
      E1: "yes"
      E2: "1.0"
      E3: "0x10"
      E4: "null"
      E5: "~"
      E6: "a: b"
      E7: "# no"
      E8: "- x"
      E9: " lead"
      E10: "trail "
      E11: "two\\nlines"
      E12: "two\\nlines\\n"
      E13: "a\\tb"
      E14: "it's"
      E15: 'say "hi"'
      E16: "2024-01-02"
      E17: "é ü"
      E18: "*star"
      E19: "a #b"
      E20: "a,b [c]"
      E21: "on"
      E22: "1:30"
      E23: "1e3"
      E24: "x:"
      E25: "@at"
      E26: "100%"
      E27: "a\\n\\nb\\n\\n"
      E28: "  indented\\nblock"
      E29: "<a&b>"
      E30: "-"
      E31: "."
      E32: "="
      E33: "trail \\nspace"
      E34: "!bang"
      E35: "?q"
      E36: "? q"
      E37: "\\\\back"
      E38: "+1"
      E39: "1_000"
      E40: "😀"
`,
    },
  },
  {
    name: 'sorted keys',
    files: {
      'compose.yaml': `services:
  web10: {image: x}
  web9: {image: x}
  Web: {image: x}
  a_b: {image: x}
  a-b: {image: x}
  a1: {image: x}
  a01: {image: x}
  b: {image: x}
  _x: {image: x}
  z.y: {image: x}
`,
    },
  },
]
