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

/** Where a jump leads: a label, or what follows. */
type Target = string | undefined
interface Step {
  readonly code: number
  readonly k: number
  /** Absent: the next step. */
  readonly jt?: Target
  readonly jf?: Target
}

/** What becomes of one system call: tests of its arguments in order, then an action. */
interface Verdict {
  readonly tests: readonly { readonly test: ArgumentTest; readonly action: number }[]
  readonly otherwise: number
}

const plain = (action: number): Verdict => ({ tests: [], otherwise: action })

function verdict(rules: readonly SeccompRule[]): Verdict {
  const tests: { test: ArgumentTest; action: number }[] = []
  for (const rule of rules) {
    const action = rule.errno === undefined ? ALLOW : errno(rule.errno)
    if (!rule.when) return { tests, otherwise: action }
    tests.push(...rule.when.map((test) => ({ test, action })))
  }
  return { tests, otherwise: errno(EPERM) }
}

interface Range {
  readonly from: number
  /** System calls in it. */
  readonly count: number
  readonly verdict: Verdict
}

const same = (left: Verdict, right: Verdict): boolean =>
  JSON.stringify(left) === JSON.stringify(right)

/** Conditional jumps reach this many instructions. */
const REACH = 255

/**
 * Lays out a binary search over ranges. The kernel's work grows with the length of the program and, as it tries every call to
 * learn which are always allowed, with the depth of each: so returns are shared, and the halves are equal in calls.
 */
class Assembler {
  readonly #steps: Step[] = []
  readonly #labels = new Map<string, number>()
  readonly #blocks: (() => void)[] = []
  readonly #actions = new Set<number>()
  #next = 0

  static search(ranges: readonly Range[]): Instruction[] {
    const assembler = new Assembler()
    assembler.#search(ranges)
    for (let block = assembler.#blocks.shift(); block; block = assembler.#blocks.shift()) block()
    for (const action of assembler.#actions) {
      assembler.#labels.set(`return ${action}`, assembler.#steps.length)
      assembler.#steps.push({ code: RET_K, k: action })
    }
    return assembler.#finish()
  }

  /** The label of what decides over a range; it is laid out at once or later. */
  #search(ranges: readonly Range[]): void {
    const middle = split(ranges)
    const [below, above] = [ranges.slice(0, middle), ranges.slice(middle)]
    const leaf = (part: readonly Range[]): Target =>
      part.length === 1 && part[0] ? this.#verdict(part[0].verdict) : undefined
    const jf = leaf(below)
    const jt = leaf(above) ?? (jf === undefined ? this.#label() : undefined)
    this.#steps.push({ code: JGE_K, k: above[0]?.from ?? 0, jt, jf })
    if (jf === undefined) this.#search(below)
    if (above.length > 1) {
      if (jt !== undefined) this.#labels.set(jt, this.#steps.length)
      this.#search(above)
    }
  }

  #verdict(wanted: Verdict): string {
    if (wanted.tests.length === 0) return this.#action(wanted.otherwise)
    const label = this.#label()
    this.#blocks.push(() => {
      this.#labels.set(label, this.#steps.length)
      this.#tests(wanted)
    })
    return label
  }

  #tests({ tests, otherwise }: Verdict): void {
    let loaded: number | undefined
    for (const [index, { test, action }] of tests.entries()) {
      // A test leaves what was loaded as it is.
      if (loaded !== test.argument) {
        this.#steps.push({ code: LD_ABS, k: argumentOffset(test.argument) })
        loaded = test.argument
      }
      const jt = this.#action(action)
      const jf = index === tests.length - 1 ? this.#action(otherwise) : undefined
      switch (test.is) {
        case 'equal':
          this.#steps.push({ code: JEQ_K, k: test.value, jt, jf })
          break
        // These two hold when the instruction's test fails.
        case 'below':
          this.#steps.push({ code: JGE_K, k: test.value, jt: jf, jf: jt })
          break
        case 'clear':
          this.#steps.push({ code: JSET_K, k: test.mask, jt: jf, jf: jt })
      }
    }
  }

  #action(action: number): string {
    this.#actions.add(action)
    return `return ${action}`
  }

  #label(): string {
    return `label ${this.#next++}`
  }

  #finish(): Instruction[] {
    return this.#steps.map(({ code, k, jt, jf }, index) => {
      const distance = (target: Target): number => {
        if (target === undefined) return 0
        const length = (this.#labels.get(target) ?? Number.NaN) - index - 1
        if (!(length >= 0 && length <= REACH)) throw new RangeError(`Cannot jump to ${target}`)
        return length
      }
      return { code, k, jt: distance(jt), jf: distance(jf) }
    })
  }
}

/** The index that parts the calls most evenly; neither part is empty. */
function split(ranges: readonly Range[]): number {
  const total = ranges.reduce((sum, { count }) => sum + count, 0)
  let best = 1
  let distance = Infinity
  let below = 0
  for (const [index, { count }] of ranges.slice(0, -1).entries()) {
    below += count
    if (Math.abs(2 * below - total) < distance) {
      distance = Math.abs(2 * below - total)
      best = index + 1
    }
  }
  return best
}

function compile(capabilities: ReadonlySet<string>): Instruction[] {
  const verdicts = new Map<number, Verdict>()
  for (const number of Object.values(allowedSyscalls)) verdicts.set(number, plain(ALLOW))
  for (const [name, number] of Object.entries(conditionalSyscalls)) {
    const rules = defaultProfile.filter(
      (rule) =>
        (rule.syscalls as readonly string[]).includes(name) &&
        (!rule.capabilities || rule.capabilities.some((wanted) => capabilities.has(wanted))),
    )
    verdicts.set(number, verdict(rules))
  }
  const last = Math.max(...verdicts.keys())
  const ranges: Range[] = []
  for (let number = 0; number <= last; number++) {
    const wanted = verdicts.get(number) ?? plain(errno(EPERM))
    const before = ranges.at(-1)
    if (before && same(before.verdict, wanted))
      ranges[ranges.length - 1] = { ...before, count: before.count + 1 }
    else ranges.push({ from: number, count: 1, verdict: wanted })
  }
  // Calls newer than the profile are unknown rather than forbidden, so that programs fall back (as runc does).
  ranges.push({ from: last + 1, count: 1, verdict: plain(errno(ENOSYS)) })
  return [
    { code: LD_ABS, jt: 0, jf: 0, k: archOffset },
    { code: JEQ_K, jt: 1, jf: 0, k: archI386 },
    { code: RET_K, jt: 0, jf: 0, k: KILL_PROCESS },
    { code: LD_ABS, jt: 0, jf: 0, k: numberOffset },
    ...Assembler.search(ranges),
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
