import { expect, test } from 'vitest'
import { PanelViews, type PanelView } from './panel-views.ts'

function views() {
  let updates = 0
  const shown = new PanelViews({
    addController: () => undefined,
    removeController: () => undefined,
    requestUpdate: () => void updates++,
    updateComplete: Promise.resolve(true),
  })
  return { shown, updates: () => updates }
}

const closed: string[] = []
const view = (id: string): PanelView => ({
  id,
  title: id,
  element: {} as HTMLElement,
  onClose: () => void closed.push(id),
})

test('one view of an id is open, the last opened is shown, and the page follows', () => {
  const { shown, updates } = views()
  const first = view('a')
  shown.open(first)
  shown.open(view('b'))
  shown.open(view('a'))
  expect(shown.all.map(({ id }) => id)).toEqual(['a', 'b'])
  expect(shown.all[0]).toBe(first)
  expect([shown.isShown('a'), shown.isShown('b')]).toEqual([true, false])
  expect(updates()).toBe(3)
})

test('a fold keeps the views, a toggle shows the last again', () => {
  const { shown } = views()
  const a = view('a')
  shown.toggle(a)
  shown.toggle(a)
  expect([shown.isOpen, shown.current, shown.all.length]).toEqual([false, 'a', 1])
  shown.toggle(a)
  expect(shown.isShown('a')).toBe(true)
})

test('who is closed gives way to a neighbour; the last one folds the panel', () => {
  const { shown } = views()
  closed.length = 0
  for (const id of ['a', 'b', 'c']) shown.open(view(id))
  shown.show('b')
  shown.close('b')
  expect(shown.current).toBe('c')
  shown.close('c')
  expect(shown.current).toBe('a')
  shown.close('nothing')
  shown.close('a')
  expect([shown.isOpen, shown.current, closed]).toEqual([false, undefined, ['b', 'c', 'a']])
})
