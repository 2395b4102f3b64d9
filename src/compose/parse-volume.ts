import { ComposeError } from './compose-error.ts'
import type { Tree } from './tree.ts'

const propagations = ['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave']

/** `SOURCE:TARGET:OPTIONS` in long form. */
export function parseVolume(spec: string): Tree {
  if (spec === '') throw new ComposeError('invalid empty volume spec')
  if (spec.length <= 2) return { type: 'volume', target: spec }
  // A colon within `${…}` separates nothing, nor that of a Windows drive.
  const sections: readonly string[] =
    spec.match(/(?:(?<![^:])[a-zA-Z]:(?=[\\/])|\$\{[^}]*\}|[^:])+|(?<=:)(?=:|$)|^(?=:)/g) ?? []
  const fail = (reason: string): never => {
    throw new ComposeError(`invalid spec: ${spec}: ${reason}`)
  }
  if (sections.includes('')) fail('empty section between colons')
  if (sections.length > 3) fail('too many colons')
  const [first = '', second, options] = sections
  const source = second === undefined ? '' : first
  const volume: Tree = { target: cleanPath(second ?? first) }
  if (source !== '') volume['source'] = source
  const bind: Tree = {}
  let nocopy = false
  for (const option of options?.split(',') ?? []) {
    if (option === 'ro') volume['read_only'] = true
    else if (option === 'rw') delete volume['read_only']
    else if (option === 'nocopy') nocopy = true
    else if (propagations.includes(option)) bind['propagation'] = option
    else if (option === 'z' || option === 'Z') bind['selinux'] = option
  }
  if (/^[./~]|^\\\\|^[a-zA-Z]:/.test(source)) {
    volume['type'] = 'bind'
    volume['bind'] = { ...bind, create_host_path: true }
    if (nocopy) volume['volume'] = { nocopy: true }
  } else {
    volume['type'] = 'volume'
    volume['volume'] = nocopy ? { nocopy: true } : {}
    if (Object.keys(bind).length > 0) volume['bind'] = bind
  }
  return volume
}

/** As Go's path.Clean: no `.`, `..`, empty names, nor a slash at the end. */
export function cleanPath(path: string): string {
  const absolute = path.startsWith('/')
  const kept: string[] = []
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue
    if (name !== '..') kept.push(name)
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop()
    else if (!absolute) kept.push(name)
  }
  const joined = kept.join('/')
  return absolute ? `/${joined}` : joined === '' ? '.' : joined
}
