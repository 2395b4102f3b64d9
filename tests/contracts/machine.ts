import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Machine } from '../../src/ports/machine.ts'
import type { MachineProcess } from '../../src/ports/machine/processes.ts'
import {
  containerId,
  containerSpec,
  containerStart,
  processSpec,
} from '../support/container-spec.ts'

/** What every machine does alike, with an image that has echo, sh, sleep and cat. */
export function describeMachine(
  name: string,
  create: () => Promise<{ readonly machine: Machine; readonly tree: string }>,
): void {
  describe(`Machine contract: ${name}`, () => {
    let machine: Machine
    let tree: string
    beforeAll(async () => {
      ;({ machine, tree } = await create())
    }, 120_000)
    afterAll(async () => {
      await machine[Symbol.asyncDispose]()
    })

    const text = async (process: MachineProcess) => {
      let all = ''
      for await (const { bytes } of process.output) all += new TextDecoder().decode(bytes)
      return all
    }
    const start = (args: readonly string[]) => containerStart(tree, containerSpec(args))
    const kill = async (container: string, process: MachineProcess) => {
      await machine.processes.signal({ container }, 9)
      await process.output.cancel()
      await process.exited
      await machine.containers.delete(container)
    }

    test('tells what it is, and answers', async () => {
      expect(await machine.guest.info()).toMatchObject({ version: 1, cpus: 1 })
      expect(await machine.guest.ping()).toBeGreaterThanOrEqual(0)
    })

    test('runs a process: output, exit, and nothing left', async () => {
      const echo = start(['echo', 'a', 'b'])
      const process = await machine.processes.run(echo)
      expect(process.pid).toBeGreaterThan(0)
      expect(await text(process)).toBe('a b\n')
      expect(await process.exited).toEqual({ kind: 'exited', code: 0, oomKilled: false })
      await machine.containers.delete(echo.container)
      await expect(machine.containers.stats(echo.container)).rejects.toMatchObject({
        code: 'not-found',
      })
    })

    test('a container that exited is started again under its name', async () => {
      const first = start(['sh', '-c', 'exit 3'])
      for (let count = 0; count < 2; count++) {
        const process = await machine.processes.run(first)
        await text(process)
        expect(await process.exited).toMatchObject({ code: 3 })
      }
      await machine.containers.delete(first.container)
    })

    test('feeds stdin up to its end', async () => {
      const cat = start(['cat'])
      const process = await machine.processes.run(cat)
      const writer = process.stdin.getWriter()
      const fed = (async () => {
        await writer.write(new TextEncoder().encode('one\n'))
        await writer.write(new TextEncoder().encode('two\n'))
        await writer.close()
      })()
      expect(await text(process)).toBe('one\ntwo\n')
      await fed
      expect(await process.exited).toMatchObject({ code: 0 })
      await machine.containers.delete(cat.container)
    })

    test.each([
      [['nosuch'], 'not-found', 'executable file not found in $PATH'],
      [['/etc'], 'not-executable', 'exec: "/etc": '],
    ])('%j cannot start', async (args, code, message) => {
      const missing = start(args)
      await expect(machine.processes.run(missing)).rejects.toMatchObject({
        code: 'invalid-parameter',
        message: expect.stringContaining(message) as string,
        cause: { code },
      })
      await machine.containers.delete(missing.container)
    })

    test('a name is taken while its container runs', async () => {
      const sleep = start(['sleep', '100'])
      const process = await machine.processes.run(sleep)
      await expect(machine.processes.run(sleep)).rejects.toMatchObject({ code: 'conflict' })
      await kill(sleep.container, process)
    })

    test('signals, and execs that end with their container', async () => {
      const sleep = start(['sleep', '100'])
      const { container } = sleep
      const init = await machine.processes.run(sleep)
      const exec = (args: readonly string[]) =>
        machine.processes.exec({ container, exec: containerId(), process: processSpec(args) })
      expect(await text(await exec(['echo', 'inside']))).toBe('inside\n')
      const long = await exec(['sleep', '100'])
      await machine.processes.signal({ container }, 9)
      expect(await init.exited).toMatchObject({ code: 137 })
      expect(await long.exited).toMatchObject({ code: 137 })
      await expect(exec(['echo'])).rejects.toMatchObject({ code: 'conflict' })
      await expect(machine.processes.signal({ container }, 9)).rejects.toMatchObject({
        code: 'conflict',
      })
      await machine.containers.delete(container)
      await expect(exec(['echo'])).rejects.toMatchObject({ code: 'not-found' })
    })

    test('looks into a running container', async () => {
      const sleep = start(['sleep', '100'])
      const { container } = sleep
      const process = await machine.processes.run(sleep)
      expect((await machine.containers.stats(container)).pids.current).toBe(1)
      expect(await machine.containers.top(container)).toMatchObject([{ command: 'sleep 100' }])
      await machine.containers.pause(container)
      await machine.containers.resume(container)
      await machine.containers.update(container, { pidsMax: 5 })
      await machine.processes.resize({ container }, { cols: 80, rows: 24 }).catch(() => undefined)
      await kill(container, process)
    })

    test('unknown containers are not found, and deleted without a word', async () => {
      const container = containerId()
      await machine.containers.delete(container)
      const unknown = { code: 'not-found' }
      await expect(machine.containers.stats(container)).rejects.toMatchObject(unknown)
      await expect(machine.containers.top(container)).rejects.toMatchObject(unknown)
      await expect(machine.containers.pause(container)).rejects.toMatchObject(unknown)
      await expect(machine.processes.signal({ container }, 9)).rejects.toMatchObject(unknown)
    })

    test('an aborted signal is thrown', async () => {
      const reason = new Error('enough')
      await expect(machine.processes.run(start(['echo']), AbortSignal.abort(reason))).rejects.toBe(
        reason,
      )
    })
  })
}
