import { expect, test } from 'vitest'
import { loadProject } from '../../src/compose/load-project.ts'
import { record } from './record.ts'

const SERVICES = 50
const ROUNDS = 30

const service = (index: number): string => `  service${index}:
    image: registry.example/service:\${TAG:-${index}}
    command: ["serve", "--port", "80${index}"]
    environment: ["LEVEL=\${LEVEL:-info}", NAME=service${index}, "DATABASE=postgres://db/\${NAME}"]
    ports: ["${9000 + index}:80", "127.0.0.1:${10_000 + index}:81/udp"]
    volumes: ["data${index}:/data", "./src:/src:ro"]
    networks: [front, back]
    labels: [one=1, two=2]
    healthcheck: {test: curl -f http://localhost, interval: 10s, retries: 3}
    deploy: {replicas: 2, resources: {limits: {cpus: "0.5", memory: 64m}}}
    restart: unless-stopped
${index === 0 ? '' : `    depends_on: {service${index - 1}: {condition: service_healthy}}\n`}`
const numbers = Array.from({ length: SERVICES }, (_, index) => index)
const file = `services:
${numbers.map(service).join('')}networks: {front: , back: {internal: true}}
volumes:
${numbers.map((index) => `  data${index}: {}\n`).join('')}`
const override = `services:
${numbers.map((index) => `  service${index}: {environment: [LEVEL=debug], ports: ["${11_000 + index}:82"]}\n`).join('')}`

test('a file of 50 services and an override: parse, merge, validate', async () => {
  const files: Readonly<Record<string, string>> = {
    '/project/compose.yaml': file,
    '/project/override.yaml': override,
  }
  const samples: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    const project = await loadProject({
      files: Object.keys(files),
      workingDirectory: '/project',
      environment: { NAME: 'shop' },
      profiles: [],
      envFiles: [],
      readFile: (path) => Promise.resolve(files[path]),
      warn: () => undefined,
    })
    samples.push(performance.now() - start)
    expect(Object.keys(project.services)).toHaveLength(SERVICES)
  }
  record('compose-load', samples)
})
