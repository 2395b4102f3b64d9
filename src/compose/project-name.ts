/** A name as Compose takes it from a file or a directory: lower case, and without what a name can't hold. */
export const normalizeProjectName = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '')

/** What Compose says of a name that was given as such and is not one; undefined when it is. */
export const projectNameFault = (name: string): string | undefined =>
  normalizeProjectName(name) === name
    ? undefined
    : `invalid project name "${name}": must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number`
