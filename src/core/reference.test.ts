import { expect, test } from 'vitest'
import { canonical, familiar, parseReference, withDefaultTag } from './reference.ts'

const digest = `sha256:${'a'.repeat(64)}`

// distribution/reference v0.6, normalize_test.go
test.each([
  ['busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
  ['docker.io/busybox:1', 'docker.io/library/busybox:1', 'busybox:1'],
  ['index.docker.io/library/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
  ['team/app:1.0', 'docker.io/team/app:1.0', 'team/app:1.0'],
  ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
  ['localhost:5000/a/b:x', 'localhost:5000/a/b:x', 'localhost:5000/a/b:x'],
  ['[::1]:5000/a', '[::1]:5000/a:latest', '[::1]:5000/a:latest'],
  ['ghcr.io/a__b/c-d.e', 'ghcr.io/a__b/c-d.e:latest', 'ghcr.io/a__b/c-d.e:latest'],
  [`busybox@${digest}`, `docker.io/library/busybox@${digest}`, `busybox@${digest}`],
  [`busybox:1@${digest}`, `docker.io/library/busybox:1@${digest}`, `busybox:1@${digest}`],
])('%s is %s', (text, full, short) => {
  const reference = withDefaultTag(parseReference(text))
  expect([canonical(reference), familiar(reference)]).toEqual([full, short])
})

test.each([
  ['', 'invalid reference format'],
  ['Bad_UPPER', 'repository name (library/Bad_UPPER) must be lowercase'],
  ['a//b', 'invalid reference format'],
  ['-a', 'invalid reference format'],
  ['a:', 'invalid reference format'],
  ['a:b:c', 'invalid reference format'],
  ['a b', 'invalid reference format'],
  ['a@sha256:abc', 'invalid checksum digest length'],
  ['a@md5:abc', 'invalid reference format'],
  ['a'.repeat(300), 'repository name must not be more than 255 characters'],
  ['f'.repeat(64), 'cannot specify 64-byte hexadecimal strings'],
])('%j: %s', (text, message) => expect(() => parseReference(text)).toThrow(message))
