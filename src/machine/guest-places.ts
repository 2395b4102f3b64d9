import type { MachinePlaces } from '../ports/machine/places.ts'

/** As guestd has them. */
export const guestPlaces: MachinePlaces = {
  host: (path) => `/run/host${path}`,
  file: (container, name) => `/run/containers/${container}/${name}`,
  volume: (name, path = '_data') => `/run/disk/volumes/${name}/${path}`,
  tree: (id, path) => (path === '' ? `/run/trees/${id}` : `/run/trees/${id}/${path}`),
  init: '/bin/docker-init',
}
