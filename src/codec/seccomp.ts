/**
 * Compiles a seccomp profile into the classic BPF program that seccomp(2) takes, for i386. The engine does it, as
 * libseccomp inside the emulator takes hundreds of milliseconds.
 */
import { defaultProfile, type ArgumentTest, type SeccompRule } from './seccomp-profile.ts'
import { allowedSyscalls, conditionalSyscalls } from './seccomp-syscalls.ts'

/** struct sock_filter (linux/filter.h). */
interface Instruction {
  readonly code: number
  readonly jt: number
  readonly jf: number
  readonly k: number
}

// linux/bpf_common.h: class, size or operation, mode or source, summed up.
const LD_ABS = 0x20
const RET_K = 0x06
const JEQ_K = 0x15
const JGE_K = 0x35
const JSET_K = 0x45
const JA = 0x05

// linux/seccomp.h
const ALLOW = 0x7fff_0000
const KILL_PROCESS = 0x8000_0000
const errno = (number: number): number => 0x0005_0000 | number

const EPERM = 1
const ENOSYS = 38

// struct seccomp_data: int nr; u32 arch; u64 instruction_pointer; u64 args[6].
const numberOffset = 0
const archOffset = 4
const argumentOffset = (index: number): number => 16 + 8 * index
/** AUDIT_ARCH_I386 (linux/audit.h). */
const archI386 = 0x4000_0003

type Code = readonly Instruction[]

const load = (k: number): Instruction => ({ code: LD_ABS, jt: 0, jf: 0, k })
const give = (k: number): Instruction => ({ code: RET_K, jt: 0, jf: 0, k })
const jump = (code: number, k: number, jt: number, jf: number): Instruction => ({ code, jt, jf, k })

/** Falls through to what follows unless the test holds. */
function argumentTest(test: ArgumentTest): Code {
  const accept = give(ALLOW)
  const argument = load(argumentOffset(test.argument))
  switch (test.is) {
    case 'equal':
      return [argument, jump(JEQ_K, test.value, 0, 1), accept]
    case 'below':
      return [argument, jump(JGE_K, test.value, 1, 0), accept]
    case 'clear':
      return [argument, jump(JSET_K, test.mask, 1, 0), accept]
  }
}

/** What becomes of one system call; ends in a return on every path. */
function verdict(rules: readonly SeccompRule[]): Code {
  const code: Instruction[] = []
  for (const rule of rules) {
    const action = rule.errno === undefined ? ALLOW : errno(rule.errno)
    if (!rule.when) return [...code, give(action)]
    code.push(...rule.when.flatMap(argumentTest))
  }
  return [...code, give(errno(EPERM))]
}

interface Range {
  readonly from: number
  readonly code: Code
}

const sameCode = (left: Code, right: Code): boolean =>
  JSON.stringify(left) === JSON.stringify(right)

/** A binary search over ranges that start at `from`, each up to the next. */
function search(ranges: readonly Range[]): Code {
  const [only] = ranges
  if (ranges.length <= 1) return only?.code ?? [give(errno(EPERM))]
  const middle = ranges.length >> 1
  const below = search(ranges.slice(0, middle))
  const above = search(ranges.slice(middle))
  const from = ranges[middle]?.from ?? 0
  return below.length < 256
    ? [jump(JGE_K, from, below.length, 0), ...below, ...above]
    : // Conditional jumps reach 255 instructions, the plain one any number.
      [jump(JGE_K, from, 0, 1), jump(JA, below.length, 0, 0), ...below, ...above]
}

function compile(capabilities: ReadonlySet<string>): Code {
  const codes = new Map<number, Code>()
  for (const number of Object.values(allowedSyscalls)) codes.set(number, [give(ALLOW)])
  for (const [name, number] of Object.entries(conditionalSyscalls)) {
    const rules = defaultProfile.filter(
      (rule) =>
        (rule.syscalls as readonly string[]).includes(name) &&
        (!rule.capabilities || rule.capabilities.some((wanted) => capabilities.has(wanted))),
    )
    codes.set(number, verdict(rules))
  }
  const last = Math.max(...codes.keys())
  const ranges: Range[] = []
  for (let number = 0; number <= last; number++) {
    const code = codes.get(number) ?? [give(errno(EPERM))]
    const before = ranges.at(-1)
    if (!before || !sameCode(before.code, code)) ranges.push({ from: number, code })
  }
  // Calls newer than the profile are unknown rather than forbidden, so that programs fall back (as runc does).
  ranges.push({ from: last + 1, code: [give(errno(ENOSYS))] })
  return [
    load(archOffset),
    jump(JEQ_K, archI386, 1, 0),
    give(KILL_PROCESS),
    load(numberOffset),
    ...search(ranges),
  ]
}

const programs = new Map<string, string>()

/**
 * Docker's default profile for a process with these capabilities (`CAP_CHOWN`), as the guest wants it: an array of
 * struct sock_filter, little endian, in base64.
 */
export function compileSeccomp(capabilities: readonly string[]): string {
  const key = [...capabilities].sort().join()
  const known = programs.get(key)
  if (known !== undefined) return known
  const code = compile(new Set(capabilities))
  const bytes = new DataView(new ArrayBuffer(code.length * 8))
  for (const [index, instruction] of code.entries()) {
    bytes.setUint16(index * 8, instruction.code, true)
    bytes.setUint8(index * 8 + 2, instruction.jt)
    bytes.setUint8(index * 8 + 3, instruction.jf)
    bytes.setUint32(index * 8 + 4, instruction.k, true)
  }
  const program = btoa(String.fromCharCode(...new Uint8Array(bytes.buffer)))
  programs.set(key, program)
  return program
}
