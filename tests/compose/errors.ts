import type { ComposeCase } from './compose-case.ts'

export const errors: readonly ComposeCase[] = [
  {
    name: 'unknown key',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    imagee: x
`,
    },
  },
  {
    name: 'unknown top key',
    files: {
      'compose.yaml': `service: {}
`,
    },
  },
  {
    name: 'wrong type list',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    ports: "80"
`,
    },
  },
  {
    name: 'wrong type image',
    files: {
      'compose.yaml': `services:
  a: {image: 5}
`,
    },
  },
  {
    name: 'services is a list',
    files: {
      'compose.yaml': `services: [a]
`,
    },
  },
  {
    name: 'service is a text',
    files: {
      'compose.yaml': `services:
  a: b
`,
    },
  },
  {
    name: 'no image',
    files: {
      'compose.yaml': `services:
  a: {tty: true}
`,
    },
  },
  {
    name: 'undefined network',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    networks: [nope]
`,
    },
  },
  {
    name: 'undefined volume',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    volumes: ["nope:/x"]
`,
    },
  },
  {
    name: 'undefined secret',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    secrets: [nope]
`,
    },
  },
  {
    name: 'undefined config',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    configs: [nope]
`,
    },
  },
  {
    name: 'undefined dependency',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    depends_on: [nope]
`,
    },
  },
  {
    name: 'dependency cycle',
    files: {
      'compose.yaml': `services:
  a: {image: x, depends_on: [b]}
  b: {image: x, depends_on: [a]}
`,
    },
  },
  {
    name: 'self extends',
    files: {
      'compose.yaml': `services:
  a: {image: x, extends: a}
`,
    },
  },
  {
    name: 'extends cycle',
    files: {
      'compose.yaml': `services:
  a: {image: x, extends: b}
  b: {image: x, extends: a}
`,
    },
  },
  {
    name: 'extends nothing',
    files: {
      'compose.yaml': `services:
  a: {image: x, extends: nope}
`,
    },
  },
  {
    name: 'extends missing file',
    files: {
      'compose.yaml': `services:
  a: {extends: {file: none.yaml, service: b}}
`,
    },
  },
  {
    name: 'include missing file',
    files: {
      'compose.yaml': `include: [none.yaml]
services:
  web:
    image: nginx
    tty: true
`,
    },
  },
  {
    name: 'duplicate key',
    files: {
      'compose.yaml': `services:
  a: {image: x}
  a: {image: y}
`,
    },
  },
  {
    name: 'bad yaml',
    files: {
      'compose.yaml': `services:
  a: {image: x
`,
    },
  },
  {
    name: 'tab',
    files: {
      'compose.yaml': `services:
	a: {}
`,
    },
  },
  {
    name: 'empty',
    files: {
      'compose.yaml': `{}
`,
    },
  },
  {
    name: 'nothing',
    files: {
      'compose.yaml': `
`,
    },
  },
  {
    name: 'only a text',
    files: {
      'compose.yaml': `hello
`,
    },
  },
  {
    name: 'bad port',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    ports: ["80:abc"]
`,
    },
  },
  {
    name: 'port too large',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    ports: ["80:70000"]
`,
    },
  },
  {
    name: 'port ranges differ',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    ports: ["80-82:80-81"]
`,
    },
  },
  {
    name: 'bad address',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    ports: [{target: 80, host_ip: nope}]
`,
    },
  },
  {
    name: 'bad volume',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    volumes: [":x"]
`,
    },
  },
  {
    name: 'bad volume colons',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    volumes: ["a:/b:ro:x"]
`,
    },
  },
  {
    name: 'duplicate mount',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    tmpfs: [/x]
    volumes: ["/x"]
`,
    },
  },
  {
    name: 'network_mode and networks',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    network_mode: host
    networks: [default]
`,
    },
  },
  {
    name: 'scale and container_name',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    scale: 2
    container_name: cc
`,
    },
  },
  {
    name: 'scale and replicas',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    scale: 2
    deploy: {replicas: 3}
`,
    },
  },
  {
    name: 'negative scale',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    scale: -1
`,
    },
  },
  {
    name: 'cpus twice',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    cpus: 1
    deploy: {resources: {limits: {cpus: '2'}}}
`,
    },
  },
  {
    name: 'external with driver',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    volumes: ["v:/v"]
volumes: {v: {external: true, driver: x}}
`,
    },
  },
  {
    name: 'secret without source',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    secrets: [s]
secrets: {s: {}}
`,
    },
  },
  {
    name: 'config with two sources',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    configs: [c]
configs: {c: {file: a, content: b}}
`,
    },
  },
  {
    name: 'bad condition',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    depends_on: {web: {condition: ready}}
`,
    },
  },
  {
    name: 'healthcheck without kind',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    healthcheck: {test: [curl, x]}
`,
    },
  },
  {
    name: 'bad duration',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    healthcheck: {interval: soon}
`,
    },
  },
  {
    name: 'watch without target',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    develop: {watch: [{path: a, action: sync}]}
`,
    },
  },
  {
    name: 'bad service name',
    files: {
      'compose.yaml': `services:
  "a b": {image: x}
`,
    },
  },
  {
    name: 'bad environment type',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    environment: {A: [1]}
`,
    },
  },
  {
    name: 'duplicate items',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    cap_add: [A, A]
`,
    },
  },
  {
    name: 'bad dockerfile pair',
    files: {
      'compose.yaml': `services:
  a: {build: {dockerfile: a, dockerfile_inline: b}}
`,
    },
  },
  {
    name: 'number key',
    files: {
      'compose.yaml': `services:
  1: {image: x}
`,
    },
  },
  {
    name: 'unknown anchor',
    files: {
      'compose.yaml': `services:
  a: *nope
`,
    },
  },
  {
    name: 'two container names',
    files: {
      'compose.yaml': `services:
  a: {image: x, container_name: cc}
  b: {image: x, container_name: cc}
`,
    },
  },
  {
    name: 'gpus count and ids',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    gpus: [{count: 1, device_ids: ['0']}]
`,
    },
  },
  { name: 'no file', files: {} },
  { name: 'named file missing', files: {}, args: ['-f', 'none.yaml'] },
  {
    name: 'cannot merge',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    ports: ["80"]
`,
      'over.yaml': `services:
  web: {ports: {a: b}}
`,
    },
    args: ['-f', 'compose.yaml', '-f', 'over.yaml'],
  },
  {
    name: 'include conflict',
    files: {
      'compose.yaml': `include: [two.yaml]
services:
  web:
    image: nginx
    tty: true
`,
      'two.yaml': `services:
  web: {image: other}
`,
    },
  },
  {
    name: 'include cycle',
    files: {
      'compose.yaml': `include: [two.yaml]
services:
  web:
    image: nginx
    tty: true
`,
      'two.yaml': `include: [compose.yaml]
services:
  b: {image: other}
`,
    },
  },
]
