/** `<a download>`: Chromium asks the network for it, past the service worker. */
export function shimDownloads(): void {
  addEventListener(
    'click',
    (event) => {
      const link = event.composedPath().find((node) => node instanceof HTMLAnchorElement)
      if (event.defaultPrevented || event.button !== 0 || !link || !isOurs(link)) return
      event.preventDefault()
      void save(link)
    },
    // After the page's own listeners, which may prevent it.
    false,
  )
  // eslint-disable-next-line typescript/unbound-method -- it is called with its object
  const { click } = HTMLAnchorElement.prototype
  HTMLAnchorElement.prototype.click = function (this: HTMLAnchorElement): void {
    // The event of a link outside of the document comes by no listener of ours.
    if (!this.isConnected && isOurs(this)) void save(this)
    else click.call(this)
  }

  async function save(link: HTMLAnchorElement): Promise<void> {
    const response = await fetch(link.href)
    if (!response.ok) throw new Error(`${link.href}: ${response.status}`)
    const copy = document.createElement('a')
    copy.href = URL.createObjectURL(await response.blob())
    copy.download =
      link.download || decodeURIComponent(link.pathname.split('/').at(-1) ?? '') || 'download'
    click.call(copy)
    // The browser reads it soon after, not at once.
    setTimeout(() => URL.revokeObjectURL(copy.href), 60_000)
  }
}

const isOurs = (link: HTMLAnchorElement): boolean =>
  link.hasAttribute('download') && link.origin === location.origin
