import { ScriptedMachine } from '../support/scripted-machine.ts'
import { describeMachine } from './machine.ts'

describeMachine('scripted', () => {
  const machine = new ScriptedMachine()
  const tree = 'aa'.repeat(32)
  const directory = { kind: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: 0, size: 0 } as const
  machine.trees.add(tree, { ...directory, offset: 0, links: 2, children: new Map() })
  return Promise.resolve({ machine, tree })
})
