/** What marks what belongs to a project: the names that docker compose uses (pkg/api/labels.go), so that both see the same. */
export const PROJECT = 'com.docker.compose.project'
export const SERVICE = 'com.docker.compose.service'
export const CONFIG_HASH = 'com.docker.compose.config-hash'
export const CONTAINER_NUMBER = 'com.docker.compose.container-number'
export const VOLUME = 'com.docker.compose.volume'
export const NETWORK = 'com.docker.compose.network'
export const WORKING_DIR = 'com.docker.compose.project.working_dir'
export const CONFIG_FILES = 'com.docker.compose.project.config_files'
export const ONEOFF = 'com.docker.compose.oneoff'
export const SLUG = 'com.docker.compose.slug'
export const IMAGE = 'com.docker.compose.image'
export const DEPENDS_ON = 'com.docker.compose.depends_on'
export const VERSION = 'com.docker.compose.version'
export const REPLACE = 'com.docker.compose.replace'

/** The version of docker compose whose labels and hashes these are. */
export const COMPOSE_VERSION = '2.40.3'
