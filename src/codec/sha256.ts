import { createSHA256 } from 'hash-wasm'
import type { Digest } from '../core/digest.ts'

/** SHA-256 of a stream: `crypto.subtle` can only do it at once. */
export interface Sha256 {
  update(bytes: Uint8Array): void
  /** Call once, at the end. */
  digest(): Digest
}

/** The wait is for WebAssembly; from then on all is synchronous. */
export async function createSha256(): Promise<Sha256> {
  const hash = await createSHA256()
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => `sha256:${hash.digest('hex')}` as Digest,
  }
}

/** A function that gives the digest of bytes in memory at once, as often as one likes. */
export async function createDigester(): Promise<(bytes: Uint8Array) => Digest> {
  const hash = await createSHA256()
  return (bytes) => `sha256:${hash.init().update(bytes).digest('hex')}` as Digest
}

/** Digest of bytes in memory. */
export async function sha256(bytes: Uint8Array): Promise<Digest> {
  return (await createDigester())(bytes)
}
