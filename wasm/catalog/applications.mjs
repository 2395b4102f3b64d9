// The images that people use in courses: programs of Debian's, each one layer above debian:12-slim.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { environment, labels } from './images.mjs'

const here = import.meta.dirname

/**
 * @typedef {object} Application
 * @property {string} name also the folder with `finish.sh`, which gets the tree's path, and `files/`, laid over it first
 * @property {string[]} packages what is installed, without recommendations
 * @property {string} version the package whose version the image has
 * @property {(upstream: string) => string[]} tags
 * @property {string} licenses SPDX
 * @property {string[]} first files that its first start reads
 * @property {object} config of config.md
 */

/** @type {Application[]} */
const applications = [
  {
    name: 'nginx',
    packages: ['nginx', 'gettext-base'],
    version: 'nginx',
    tags: (upstream) => ['latest', minor(upstream), upstream],
    licenses: 'BSD-2-Clause',
    first: ['usr/sbin/nginx', 'etc/nginx/nginx.conf', 'docker-entrypoint.sh'],
    config: {
      Entrypoint: ['/docker-entrypoint.sh'],
      Cmd: ['nginx', '-g', 'daemon off;'],
      ExposedPorts: { '80/tcp': {} },
      StopSignal: 'SIGQUIT',
    },
  },
  {
    name: 'redis',
    packages: ['redis-server', 'redis-tools'],
    version: 'redis-server',
    tags: (upstream) => ['latest', upstream.split('.')[0], minor(upstream), upstream],
    licenses: 'BSD-3-Clause',
    first: ['usr/bin/redis-check-rdb', 'usr/local/bin/docker-entrypoint.sh'],
    config: {
      Entrypoint: ['docker-entrypoint.sh'],
      Cmd: ['redis-server'],
      ExposedPorts: { '6379/tcp': {} },
      Volumes: { '/data': {} },
      WorkingDir: '/data',
    },
  },
  {
    name: 'python',
    // Flask and the client of redis are there, so that a course's `pip install` needs no way out.
    packages: ['python3', 'python3-pip', 'python3-flask', 'python3-redis'],
    version: 'python3.11',
    tags: (upstream) =>
      ['3', minor(upstream), upstream].flatMap((tag) => [tag, `${tag}-slim`]).concat('latest'),
    licenses: 'PSF-2.0',
    first: ['usr/bin/python3.11', 'usr/local/bin/python'],
    config: { Cmd: ['python3'], Env: [...environment, 'LANG=C.UTF-8'] },
  },
  {
    name: 'registry',
    packages: ['docker-registry'],
    version: 'docker-registry',
    tags: (upstream) => ['latest', '2', minor(upstream), upstream],
    licenses: 'Apache-2.0',
    first: ['usr/bin/docker-registry', 'etc/docker/registry/config.yml'],
    config: {
      Entrypoint: ['registry'],
      Cmd: ['serve', '/etc/docker/registry/config.yml'],
      ExposedPorts: { '5000/tcp': {} },
      Volumes: { '/var/lib/registry': {} },
    },
  },
]

/** Every package that the applications name. */
export const applicationPackages = [...new Set(applications.flatMap(({ packages }) => packages))]

/**
 * @param {object} options
 * @param {{name: string, version: string}[]} options.packages the lock's
 * @param {(application: object) => object[]} options.layers makes the layers, that of debian:12-slim included
 * @returns images for Layout.add
 */
export function applicationImages({ packages, layers }) {
  return applications.map((application) => {
    const { name, config, first, licenses } = application
    const pin = packages.find((each) => each.name === application.version)
    const tags = application.tags(/^(?:\d+:)?([\d.]*\d)/.exec(pin.version)[1])
    const finish = [
      ...(existsSync(join(here, name, 'files'))
        ? [`cp -R --no-preserve=ownership ${join(here, name, 'files')}/. "$1/"`]
        : []),
      `${join(here, name, 'finish.sh')} "$1"`,
    ]
    const references = tags.map((tag) => `docker.io/library/${name}:${tag}`)
    return {
      references,
      layers: layers({
        name,
        reference: `docker.io/library/${name}:latest`,
        packages: application.packages,
        finish,
        first,
        createdBy: `drydock: Debian ${application.packages.join(' ')}, wasm/catalog/${name}`,
      }),
      config: {
        Env: environment,
        WorkingDir: '/',
        ...config,
        Labels: labels({
          title: name,
          description: `${name} from Debian 12 (i386), packed by Drydock; not the official image.`,
          source: `https://sources.debian.org/src/${application.version}/`,
          licenses,
          version: pin.version,
        }),
      },
    }
  })
}

const minor = (upstream) => upstream.split('.').slice(0, 2).join('.')
