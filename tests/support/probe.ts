import { memoryNode } from '../../src/engine/build/archive-tree.ts'
import type { RootfsNode } from '../../src/core/layer.ts'

/** i386 instructions as a program of its own: what no shell can ask the kernel for. */
function probe(code: readonly number[]): RootfsNode {
  const base = 0x0804_8000
  const start = 52 + 32
  const bytes = new Uint8Array(start + code.length)
  const view = new DataView(bytes.buffer)
  // Elf32_Ehdr
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1])
  view.setUint16(16, 2, true)
  view.setUint16(18, 3, true)
  view.setUint32(20, 1, true)
  view.setUint32(24, base + start, true)
  view.setUint32(28, 52, true)
  view.setUint16(40, 52, true)
  view.setUint16(42, 32, true)
  view.setUint16(44, 1, true)
  // Elf32_Phdr: one segment, readable and executable.
  view.setUint32(52, 1, true)
  view.setUint32(60, base, true)
  view.setUint32(64, base, true)
  view.setUint32(68, bytes.length, true)
  view.setUint32(72, bytes.length, true)
  view.setUint32(76, 5, true)
  view.setUint32(80, 0x1000, true)
  bytes.set(code, start)
  return { ...memoryNode(bytes), mode: 0o755 }
}

const word = (value: number) => [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24]

/** Exits with the errno of one system call, or with 256 minus what it returned. */
export const systemCall = (number: number, ...given: readonly number[]): RootfsNode =>
  probe(
    [
      [0xb8, ...word(number)],
      // ebx, ecx, edx, esi, edi
      ...given.map((value, index) => [
        [0xbb, 0xb9, 0xba, 0xbe, 0xbf][index] ?? 0x90,
        ...word(value),
      ]),
      [0xcd, 0x80, 0xf7, 0xd8, 0x89, 0xc3],
      [0xb8, ...word(1), 0xcd, 0x80],
    ].flat(),
  )

/** Exits with the errno of connecting a vsock stream to this address, or with 0. */
export function vsockConnect(cid: number, port: number): RootfsNode {
  const code = [
    // socket(AF_VSOCK, SOCK_STREAM, 0)
    [0xb8, ...word(359), 0xbb, ...word(40), 0xb9, ...word(1), 0x31, 0xd2, 0xcd, 0x80],
    // connect(fd, address, 16); the address stands behind the code.
    [0x89, 0xc3, 0xb9, ...word(0x0804_8000 + 84 + 52), 0xba, ...word(16)],
    [0xb8, ...word(362), 0xcd, 0x80],
    [0xf7, 0xd8, 0x89, 0xc3, 0xb8, ...word(1), 0xcd, 0x80],
  ].flat()
  // struct sockaddr_vm
  const address = [40, 0, 0, 0, ...word(port), ...word(cid), ...word(0)]
  return probe([...code, ...Array<number>(52 - code.length).fill(0x90), ...address])
}
