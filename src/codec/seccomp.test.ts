import { expect, test } from 'vitest'
import { compileSeccomp } from './seccomp.ts'
import { allowedSyscalls, conditionalSyscalls } from './seccomp-syscalls.ts'

const numbers: Record<string, number> = { ...allowedSyscalls, ...conditionalSyscalls }
const i386 = 0x4000_0003

/** The kernel's interpreter (net/core/filter.c) for the instructions that seccomp programs use here. */
function run(program: string, number: number, args: readonly number[] = [], arch = i386): number {
  const code = new DataView(Uint8Array.from(atob(program), (char) => char.charCodeAt(0)).buffer)
  const data = new DataView(new ArrayBuffer(64))
  data.setUint32(0, number, true)
  data.setUint32(4, arch, true)
  for (const [index, value] of args.entries()) data.setUint32(16 + 8 * index, value, true)
  let accumulator = 0
  for (let at = 0; ; at++) {
    const operation = code.getUint16(at * 8, true)
    const k = code.getUint32(at * 8 + 4, true)
    const branch = (taken: boolean): void => {
      at += code.getUint8(at * 8 + (taken ? 2 : 3))
    }
    if (operation === 0x20) accumulator = data.getUint32(k, true)
    else if (operation === 0x06) return k
    else if (operation === 0x15) branch(accumulator === k)
    else if (operation === 0x35) branch(accumulator >= k)
    else if (operation === 0x45) branch((accumulator & k) !== 0)
    else if (operation === 0x05) at += k
    else throw new Error(`unknown instruction ${operation}`)
  }
}

const allow = 0x7fff_0000
const eperm = 0x0005_0001
const enosys = 0x0005_0026
const call = (program: string, name: string, ...args: number[]): number =>
  run(program, numbers[name] ?? -1, args)

const plain = compileSeccomp(['CAP_CHOWN', 'CAP_SYS_CHROOT'])
const admin = compileSeccomp(['CAP_SYS_ADMIN'])

test('every allowed call passes, every other is refused', () => {
  const allowed = new Set<number>(Object.values(allowedSyscalls))
  const conditional = new Set<number>(Object.values(conditionalSyscalls))
  for (let number = 0; number <= 462; number++) {
    if (conditional.has(number)) continue
    expect([number, run(plain, number)]).toEqual([number, allowed.has(number) ? allow : eperm])
  }
  expect(run(plain, 5000)).toBe(enosys)
})

test('another architecture is killed', () => {
  expect(run(plain, 1, [], 0xc000_003e)).toBe(0x8000_0000)
})

test('capabilities open calls', () => {
  expect(call(plain, 'mount')).toBe(eperm)
  expect(call(admin, 'mount')).toBe(allow)
  expect(call(plain, 'chroot')).toBe(allow)
  expect(call(admin, 'chroot')).toBe(eperm)
})

test('clone may make no namespace, clone3 sends glibc to clone', () => {
  expect(call(plain, 'clone', 0x0120_0011)).toBe(allow)
  expect(call(plain, 'clone', 0x1000_0000)).toBe(eperm)
  expect(call(plain, 'clone3')).toBe(enosys)
  expect(call(admin, 'clone', 0x1000_0000)).toBe(allow)
  expect(call(admin, 'clone3')).toBe(allow)
})

test('arguments decide on socket and personality', () => {
  for (const family of [1, 2, 10, 11, 16, 17]) expect(call(plain, 'socket', family)).toBe(allow)
  for (const family of [12, 38, 40]) expect(call(admin, 'socket', family)).toBe(eperm)
  expect(call(plain, 'personality', 0xffff_ffff)).toBe(allow)
  expect(call(plain, 'personality', 4)).toBe(eperm)
})
