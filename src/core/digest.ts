/** Content address: `sha256:` and 64 lower-case hex characters (image-spec v1.1.1, descriptor.md#digests). */
export type Digest = `sha256:${string}` & { readonly __brand: 'Digest' }

export const isDigest = (text: string): text is Digest => /^sha256:[0-9a-f]{64}$/.test(text)
