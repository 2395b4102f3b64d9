import { expect, test } from 'vitest'
import { Resources } from './resources.ts'

test('given up in the opposite order, each of them, and the first error told', async () => {
  const order: string[] = []
  const resources = new Resources()
  resources.use({ [Symbol.dispose]: () => void order.push('first') })
  resources.defer(() => {
    order.push('second')
    throw new Error('second failed')
  })
  resources.use({ [Symbol.asyncDispose]: async () => void order.push('third') })
  await expect(resources[Symbol.asyncDispose]()).rejects.toThrow('second failed')
  expect(order).toEqual(['third', 'second', 'first'])
})

test('what was moved is not given up here', async () => {
  const order: string[] = []
  const resources = new Resources()
  resources.defer(() => order.push('given up'))
  const moved = resources.move()
  await resources[Symbol.asyncDispose]()
  expect(order).toEqual([])
  await moved[Symbol.asyncDispose]()
  expect(order).toEqual(['given up'])
})
