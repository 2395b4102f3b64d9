import type { ComposeCase } from './compose-case.ts'

export const merging: readonly ComposeCase[] = [
  {
    name: 'two files',
    files: {
      'compose.yaml': `services:
  web:
    image: a
    command: one
    environment: {A: 1, B: 1}
    labels: [x=1]
    ports: ["80:80", "81:81"]
    volumes: ["data:/data", "./a:/a"]
    dns: 1.1.1.1
    cap_add: [A]
    expose: ["1"]
    healthcheck: {test: [CMD, a], interval: 1s}
    logging: {driver: syslog, options: {a: b}}
    depends_on: [db]
    networks: [n]
    tmpfs: /s
    build: ./one
    env_file: e.env
    secrets: [s]
  db: {image: db}
networks: {n: {ipam: {config: [{subnet: 10.0.0.0/24}]}}}
volumes: {data: }
secrets: {s: {file: s}}
`,
      'over.yaml': `services:
  web:
    image: b
    command: [two]
    environment: [B=2, C=3]
    labels: {x: 2, y: 3}
    ports: ["80:80", "82:82"]
    volumes: ["other:/data", "./b:/b"]
    dns: [1.1.1.1, 2.2.2.2]
    cap_add: [A, B]
    expose: ["1", "2"]
    healthcheck: {test: [CMD, b], retries: 2}
    logging: {driver: json-file}
    depends_on: {db: {condition: service_healthy}}
    networks: {n: {aliases: [w]}}
    tmpfs: [/t]
    build: {args: {X: 1}}
    secrets: [{source: s, target: t}]
networks: {n: {ipam: {config: [{subnet: 10.0.0.0/24, gateway: 10.0.0.1}, {subnet: 10.1.0.0/24}]}}}
volumes: {other: {labels: [l=1]}}
`,
      'e.env': `E=1
`,
    },
    args: ['-f', 'compose.yaml', '-f', 'over.yaml'],
  },
  {
    name: 'override file',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    scale: 2
`,
      'compose.override.yml': `services:
  web:
    image: other
  more:
    image: m
`,
    },
  },
  {
    name: 'reset and override',
    files: {
      'compose.yaml': `services:
  web:
    image: a
    command: one
    environment: {A: 1, B: 1}
    labels: [x=1]
    ports: ["80:80", "81:81"]
    volumes: ["data:/data", "./a:/a"]
    dns: 1.1.1.1
    cap_add: [A]
    expose: ["1"]
    healthcheck: {test: [CMD, a], interval: 1s}
    logging: {driver: syslog, options: {a: b}}
    depends_on: [db]
    networks: [n]
    tmpfs: /s
    build: ./one
    env_file: e.env
    secrets: [s]
  db: {image: db}
networks: {n: {ipam: {config: [{subnet: 10.0.0.0/24}]}}}
volumes: {data: }
secrets: {s: {file: s}}
`,
      'over.yaml': `services:
  web:
    ports: !override ["90:90"]
    environment: !reset null
    command: !reset
    logging: !override {driver: none}
    labels: {z: 1}
`,
      'e.env': `E=1
`,
    },
    args: ['-f', 'compose.yaml', '-f', 'over.yaml'],
  },
  {
    name: 'anchors and merge keys',
    files: {
      'compose.yaml': `x-base: &base
  image: x
  environment: &env {A: 1}
services:
  a:
    <<: *base
    tty: true
  b:
    <<: [*base, {image: y, init: true}]
    environment: {<<: *env, B: 2}
  c: *base
`,
    },
  },
  {
    name: 'extends same file',
    files: {
      'compose.yaml': `services:
  base: {image: x, environment: {A: 1, B: 1}, ports: ["80:80"], labels: [a]}
  web:
    extends: base
    environment: {B: 2}
    ports: ["81:81"]
  more:
    extends: {service: web}
    image: y
`,
    },
  },
  {
    name: 'extends other file',
    files: {
      'compose.yaml': `services:
  web:
    extends: {file: sub/common.yaml, service: app}
    tty: true
`,
      'sub/common.yaml': `services:
  app:
    extends: {service: root}
    build: ./ctx
    volumes: ["./data:/data"]
    env_file: [app.env]
  root: {image: r, environment: [A=1]}
`,
      'sub/app.env': `Z=9
`,
    },
  },
  {
    name: 'include',
    files: {
      'compose.yaml': `include:
  - sub/compose.yaml
  - {path: two/a.yaml, env_file: two/v.env}
services:
  web:
    image: nginx
    depends_on: [inc]
`,
      'sub/compose.yaml': `services:
  inc:
    image: i:\${TAG:-none}
    volumes: ["./d:/d", "v:/v"]
volumes:
  v:
`,
      'sub/.env': `TAG=fromsub
`,
      'two/a.yaml': `services:
  second: {image: "s:\${TAG}", build: .}
`,
      'two/v.env': `TAG=two
`,
    },
  },
  {
    name: 'profiles none',
    files: {
      'compose.yaml': `services:
  a: {image: x}
  b: {image: x, profiles: [debug]}
  c: {image: x, profiles: [test, debug], networks: [only]}
networks: {only: }
`,
    },
  },
  {
    name: 'profiles one',
    files: {
      'compose.yaml': `services:
  a: {image: x}
  b: {image: x, profiles: [debug]}
  c: {image: x, profiles: [test, debug], networks: [only]}
networks: {only: }
`,
    },
    args: ['--profile', 'test'],
  },
  {
    name: 'profiles all',
    files: {
      'compose.yaml': `services:
  a: {image: x}
  b: {image: x, profiles: [debug]}
  c: {image: x, profiles: [test, debug], networks: [only]}
networks: {only: }
`,
    },
    args: ['--profile', '*'],
  },
  {
    name: 'profiles variable',
    files: {
      'compose.yaml': `services:
  a: {image: x}
  b: {image: x, profiles: [debug]}
  c: {image: x, profiles: [test, debug], networks: [only]}
networks: {only: }
`,
    },
    environment: { COMPOSE_PROFILES: 'debug,other' },
  },
  {
    name: 'unused resources',
    files: {
      'compose.yaml': `services:
  a: {image: x}
volumes: {v: }
networks: {n: }
secrets: {s: {file: f}}
configs: {c: {content: t}}
`,
    },
  },
  {
    name: 'default network settings',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    tty: true
networks:
  default: {name: fixed, driver: bridge}
`,
    },
  },
  {
    name: 'version is obsolete',
    files: {
      'compose.yaml': `version: '3.8'
services:
  web:
    image: nginx
    tty: true
`,
    },
  },
  {
    name: 'several documents',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    tty: true
---
services:
  web: {image: other}
`,
    },
  },
  {
    name: 'local volume options',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    volumes: ["v:/v"]
volumes:
  v: {driver: local, driver_opts: {type: none, o: bind, device: ./dev}}
`,
    },
  },
  {
    name: 'old external name',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    networks: [n]
networks:
  n: {external: {name: actual}}
`,
    },
  },
]
