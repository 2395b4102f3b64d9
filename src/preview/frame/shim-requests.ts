/** Synchronous XMLHttpRequests go past the service worker, but in Firefox: an error is better than another server's answer. */
export function shimSynchronousRequests(): void {
  if (navigator.userAgent.includes('Firefox/')) return
  const native = XMLHttpRequest
  window.XMLHttpRequest = class extends native {
    override open(
      method: string,
      url: string | URL,
      isAsync = true,
      username?: string | null,
      password?: string | null,
    ): void {
      if (!isAsync && new URL(url, document.baseURI).origin === location.origin) {
        throw new DOMException(
          'Drydock’s preview has no synchronous requests in this browser. Use fetch, or open(…, true).',
          'InvalidAccessError',
        )
      }
      super.open(method, url, isAsync, username, password)
    }
  }
}
