import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { OpenFrame, ProcessRef } from '../../src/core/guest-protocol.ts'
import type { FrameStream } from '../../src/machine/frame-stream.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import type { GuestConnection } from '../../src/ports/machine/guest.ts'
import type { MachineProcess } from '../../src/ports/machine/processes.ts'
import { containerSpec, containerStart, processSpec } from '../support/container-spec.ts'
import { BUSYBOX, finish, sh, startMachine } from '../support/guest.ts'
import { StubHost } from '../support/stub-host.ts'

let machine: GuestMachine
let connections: ReadableStreamDefaultReader<GuestConnection>
beforeAll(async () => {
  machine = await startMachine({ hostRoot: { tree: BUSYBOX } })
  connections = machine.guest.connections.getReader()
}, 120_000)
afterAll(async () => {
  await machine[Symbol.asyncDispose]()
})

let count = 0
const onHost = (args: readonly string[], more: Parameters<typeof processSpec>[1] = {}) =>
  machine.processes.runOnHost({ host: `h${count++}`, process: processSpec(args, more) })

async function connection(): Promise<GuestConnection> {
  const { value } = await connections.read()
  if (!value) throw new Error('The machine was stopped')
  return value
}

/** Collect what a process writes, to wait for parts of it. */
function follow(process: MachineProcess) {
  const state = { text: '' }
  const decoder = new TextDecoder()
  const ended = (async () => {
    for await (const { bytes } of process.output)
      state.text += decoder.decode(bytes, { stream: true })
  })()
  const writer = process.stdin.getWriter()
  return {
    ended,
    type: (text: string) => writer.write(Buffer.from(text)),
    seen: (what: string | RegExp) =>
      expect.poll(() => state.text, { timeout: 20_000 }).toMatch(what),
    forget: () => {
      state.text = ''
    },
  }
}

describe('processes', () => {
  /** Read a process's stream to its end. */
  async function rest(stream: FrameStream) {
    const found = { text: '', started: undefined as unknown, ends: [] as string[] }
    for (let frame = await stream.read(); frame; frame = await stream.read()) {
      if (frame.kind === 'stdout') found.text += Buffer.from(frame.payload).toString()
      else if (frame.kind === 'started')
        found.started = JSON.parse(Buffer.from(frame.payload).toString())
      else found.ends.push(frame.kind)
    }
    return found
  }

  test('a broken stream is taken up again, and no byte is lost', async () => {
    const first = await machine.openStream({
      channel: 'process',
      op: 'run-host',
      host: 'again',
      process: processSpec(['seq', '20000']),
    })
    let text = ''
    while (text.length < 20_000) {
      const frame = await first.read()
      if (frame?.kind === 'stdout') text += Buffer.from(frame.payload).toString()
    }
    first.reset(new Error('broken'))
    const attach = (): OpenFrame => ({
      channel: 'process',
      op: 'attach',
      process: { host: 'again' },
      offsets: { stdout: text.length, stderr: 0 },
    })
    const second = await rest(await machine.openStream(attach()))
    expect(second.started).toMatchObject({ offsets: { stdout: text.length, stderr: 0 } })
    text += second.text
    expect(text).toBe(Array.from({ length: 20_000 }, (_, line) => `${line + 1}\n`).join(''))
    // And once more, after its end.
    const third = await rest(await machine.openStream(attach()))
    expect(third).toMatchObject({ text: '', ends: ['output-end', 'output-end', 'exited'] })
  })

  test('a start whose stream breaks is undone', async () => {
    const start = containerStart(BUSYBOX, containerSpec(['sleep', '100']))
    const stream = await machine.openStream({ channel: 'process', op: 'run', ...start })
    stream.reset(new Error('gone'))
    await expect
      .poll(() => machine.containers.top(start.container).catch((error: Error) => error.message))
      .toContain('no such container')
    const again = await machine.processes.run(
      containerStart(BUSYBOX, containerSpec(sh('echo again')), start.container),
    )
    expect((await finish(again)).stdout).toBe('again\n')
    await machine.containers.delete(start.container)
  })

  test('execs end with their container', async () => {
    const start = containerStart(BUSYBOX, containerSpec(['sleep', '100']))
    const init = await machine.processes.run(start)
    const exec = await machine.processes.exec({
      container: start.container,
      exec: 'e1',
      process: processSpec(['sleep', '100']),
    })
    const ref: ProcessRef = { container: start.container }
    await machine.processes.signal(ref, 9)
    expect([await finish(init), await finish(exec)].map(({ exit }) => exit)).toMatchObject([
      { code: 137 },
      { code: 137 },
    ])
    await expect(machine.processes.signal(ref, 9)).rejects.toThrow('is not running')
    await machine.containers.delete(start.container)
    await expect(machine.processes.signal(ref, 9)).rejects.toThrow('no such container')
  })

  test('stdin that comes before the program waits for it', async () => {
    const process = await onHost(['wc', '-c'])
    const writer = process.stdin.getWriter()
    for (let part = 0; part < 20; part++) await writer.write(new Uint8Array(65_536))
    await writer.close()
    expect((await finish(process)).stdout).toBe(`${20 * 65_536}\n`)
  })
})

describe('the docker stub', () => {
  test('lends its descriptors, none of them a terminal', async () => {
    const shell = await onHost(
      sh('cd /tmp; printf "one\\ntwo\\n" | docker cat -n; echo code $?; read x; echo rest $x'),
    )
    const stub = await StubHost.accept(await connection())
    expect(stub.invocation).toMatchObject({
      argv: ['cat', '-n'],
      cwd: '/tmp',
      tty: [false, false, false],
    })
    const pulled = await stub.pull()
    expect([pulled?.kind, pulled?.payload.toString()]).toEqual(['stdin', 'one\ntwo\n'])
    expect((await stub.pull())?.kind).toBe('stdin-end')
    await stub.write('stdout', 'out\n')
    await stub.write('stderr', 'err\n')
    await stub.exit(17)
    const writer = shell.stdin.getWriter()
    await writer.write(Buffer.from('mine\n'))
    expect(await finish(shell)).toMatchObject({
      stdout: 'out\ncode 17\nrest mine\n',
      stderr: 'err\n',
    })
  })

  test('reads and writes files as the user', async () => {
    const shell = await onHost(sh('docker files; ls -l /tmp/made; cat /tmp/made'))
    const stub = await StubHost.accept(await connection())
    const reply = async () => JSON.parse((await stub.read())?.payload.toString() ?? '') as unknown
    await stub.file({ id: 1, op: 'write', path: '/tmp/made', mode: 0o640, exclusive: true })
    await stub.write('file-content', Buffer.from('\x01\0\0\0text'))
    await stub.write('file-content', Buffer.from('\x01\0\0\0'))
    expect(await reply()).toEqual({ id: 1, result: null })
    await stub.file({ id: 2, op: 'write', path: '/tmp/made', mode: 0o640, exclusive: true })
    expect(await reply()).toMatchObject({ id: 2, error: { code: 'EEXIST' } })
    await stub.file({ id: 3, op: 'read', path: '/tmp/made' })
    expect((await stub.read())?.payload.toString()).toBe('\x03\0\0\0text')
    expect((await stub.read())?.payload.toString()).toBe('\x03\0\0\0')
    expect(await reply()).toEqual({ id: 3, result: null })
    await stub.file({ id: 4, op: 'stat', path: '/tmp/made' })
    expect(await reply()).toMatchObject({ result: { kind: 'file', mode: 0o640, uid: 0, size: 4 } })
    await stub.file({ id: 5, op: 'list', path: '/nosuch' })
    expect(await reply()).toMatchObject({ id: 5, error: { code: 'ENOENT' } })
    await stub.exit(0)
    expect((await finish(shell)).stdout).toMatch(/^-rw-r----- .* \/tmp\/made\ntext$/)
  })

  test(
    'makes the terminal raw and puts it back, stops, goes on, and hands on signals',
    { timeout: 60_000 },
    async () => {
      const shell = await onHost(['sh', '-i'], {
        terminal: true,
        consoleSize: { width: 80, height: 24 },
      })
      const screen = follow(shell)
      await screen.seen('# ')
      await screen.type('docker run -it\n')
      let stub = await StubHost.accept(await connection())
      expect(stub.invocation).toMatchObject({
        tty: [true, true, true],
        size: { cols: 80, rows: 24 },
      })
      await stub.write('raw-mode', Uint8Array.of(1))
      await stub.write('stdout', 'raw\r\n')
      await screen.seen('raw\r\n')
      await screen.type('a\x03\x1a')
      expect((await stub.pull())?.payload.toString()).toBe('a\x03\x1a')
      const ref: ProcessRef = { host: `h${count - 1}` }
      await machine.processes.resize(ref, { cols: 132, rows: 50 })
      const resized = await stub.read()
      expect([
        resized?.kind,
        resized?.payload.readUInt16LE(0),
        resized?.payload.readUInt16LE(2),
      ]).toEqual(['resize', 132, 50])
      await stub.exit(0)
      screen.forget()
      await screen.type('stty -a\n')
      await screen.seen(/ icanon[^]* echo /)

      await screen.type('docker wait\n')
      stub = await StubHost.accept(await connection())
      screen.forget()
      await screen.type('\x1a')
      await screen.seen('Stopped')
      await screen.type('fg\n')
      expect(await stub.read()).toMatchObject({ kind: 'signal', payload: Buffer.of(18) })
      expect((await stub.read())?.kind).toBe('resize')
      await screen.type('\x03')
      expect(await stub.read()).toMatchObject({ kind: 'signal', payload: Buffer.of(2) })
      await stub.exit(130)
      screen.forget()
      await screen.type('echo code $?; exit\n')
      await screen.seen('code 130')
      await screen.ended
    },
  )

  test('is gone with its process, and dies when nobody reads', async () => {
    const reader = await onHost(sh('docker logs | head -1'))
    const stub = await StubHost.accept(await connection())
    let written = 0
    await expect(
      (async () => {
        for (; written < 1e8; written += 65_536) await stub.write('stdout', 'y\n'.repeat(32_768))
      })(),
    ).rejects.toThrow()
    expect((await finish(reader)).stdout).toBe('y\n')
    expect(await stub.read()).toBeUndefined()
  })

  test('tells when the engine hangs up', async () => {
    const shell = await onHost(['docker', 'ps'])
    const { stream } = await connection()
    await stream.writable.abort(new Error('gone'))
    expect(await finish(shell)).toMatchObject({
      stderr: 'docker: the engine is gone\n',
      exit: { code: 125 },
    })
  })
})
