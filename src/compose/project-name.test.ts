import { expect, test } from 'vitest'
import { imageName } from './image-name.ts'
import { normalizeProjectName, projectNameFault } from './project-name.ts'

test.each([
  ['web', 'web'],
  ['My Project', 'myproject'],
  ['_-a_b-1', 'a_b-1'],
  ['ÄÖ', ''],
])('the directory %s names a project %s', (directory, name) =>
  expect(normalizeProjectName(directory)).toBe(name),
)

// compose-go v2.9.1, loader.InvalidProjectNameErr
test('a name that was asked for is taken as it is or refused', () => {
  expect(projectNameFault('web-1')).toBeUndefined()
  expect(projectNameFault('Web')).toBe(
    'invalid project name "Web": must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number',
  )
})

test('a service without an image is built as the project and the service are named', () => {
  expect(imageName({ name: 'shop' }, 'web', {})).toBe('shop-web')
  expect(imageName({ name: 'shop' }, 'web', { image: 'nginx' })).toBe('nginx')
})
