import type { ComposeCase } from './compose-case.ts'

export const interpolation: readonly ComposeCase[] = [
  {
    name: 'modifiers',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    environment:
      A: $SET
      B: \${SET}
      C: \${UNSET:-default}
      D: \${UNSET-default}
      E: \${EMPTY:-default}
      F: \${EMPTY-default}
      G: \${SET:+alt}
      H: \${UNSET:+alt}
      I: \${EMPTY+alt}
      J: \${EMPTY:+alt}
      K: \${UNSET:-\${SET}}
      L: \${UNSET:-\${EMPTY:-deep}}
      M: $$SET
      N: $\${SET}
      O: \${SET:?needed}
      P: pre-\${SET}-mid-\${UNSET:-x}-post
      Q: \${UNSET:-a:b/c?d}
      R: \${UNSET:-}
      S: \${SET-x}\${SET-y}
`,
    },
    environment: { SET: 'set', EMPTY: '' },
  },
  {
    name: 'unset warns',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    environment: {A: $NOPE, B: "\${ALSO_NOT}"}
`,
    },
  },
  {
    name: 'casts',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    privileged: \${T}
    read_only: "\${Y}"
    scale: \${N}
    cpus: "\${C}"
    init: \${F}
    ulimits: {nofile: "\${N}"}
    ports: [{target: "\${N}"}]
`,
    },
    environment: { T: 'true', Y: 'yes', N: '3', C: '0.25', F: 'false' },
  },
  {
    name: 'dotenv',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    environment:
      A: $A
      B: $B
      C: $C
      D: $D
      E: $E
      F: $F
      G: $G
      H: \${H}
`,
      '.env': `# comment
A=plain
export B=exported
C="double $A \\n end"
D='single $A'
E=inline # comment
F = spaced
G=\${A}-\${MISSING:-m}
H: yaml
EMPTY=
`,
    },
    environment: { A: 'shell' },
  },
  {
    name: 'env file flag',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    environment: {A: $A, B: $B}
`,
      'one.env': `A=1
B=1
`,
      'two.env': `B=\${A}2
`,
      '.env': `A=ignored
`,
    },
    args: ['--env-file', 'one.env', '--env-file', 'two.env'],
  },
  {
    name: 'env_file',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    env_file:
      - a.env
      - {path: missing.env, required: false}
      - path: b.env
    environment: {C: own, D: }
`,
      'a.env': `A=1
B=1
C=file
`,
      'b.env': `B=2
Q="a b"
R=$A
`,
    },
    environment: { D: 'shell' },
  },
  {
    name: 'label_file',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    label_file: [l.txt]
    labels: {a: own}
`,
      'l.txt': `a=file
b=two
`,
    },
  },
  {
    name: 'required unset',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    command: \${NEEDED:?tell me}
`,
    },
  },
  {
    name: 'required without message',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    command: \${NEEDED?}
`,
    },
  },
  {
    name: 'required empty',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    command: \${EMPTY:?is empty}
`,
    },
    environment: { EMPTY: '' },
  },
  {
    name: 'invalid template',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    command: \${bad-
`,
    },
  },
  {
    name: 'invalid name',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    command: "\${1x}"
`,
    },
  },
  {
    name: 'bad boolean',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    privileged: \${X}
`,
    },
    environment: { X: 'perhaps' },
  },
  {
    name: 'bad number',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    scale: \${X}
`,
    },
    environment: { X: 'many' },
  },
  {
    name: 'missing env file flag',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    tty: true
`,
    },
    args: ['--env-file', 'none.env'],
  },
  {
    name: 'missing env_file',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    env_file: none.env
`,
    },
  },
  {
    name: 'bad dotenv',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    tty: true
`,
      '.env': `A=1
B%=2
`,
    },
  },
  {
    name: 'project name in file',
    files: {
      'compose.yaml': `name: my-\${X:-app}
services:
  web:
    image: nginx
    tty: true
`,
    },
  },
  {
    name: 'project name flag',
    files: {
      'compose.yaml': `name: other
services:
  web:
    image: nginx
    tty: true
`,
    },
    args: ['-p', 'mine'],
  },
  {
    name: 'project name bad',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    tty: true
`,
    },
    args: ['-p', 'Not Good'],
  },
  {
    name: 'project name variable',
    files: {
      'compose.yaml': `services:
  web:
    image: nginx
    environment: {P: $COMPOSE_PROJECT_NAME}
`,
    },
    environment: { COMPOSE_PROJECT_NAME: 'fromenv' },
  },
]
