import './page.css'
// Before the rest of the page is read: what the worker does takes longest.
import './engine-worker.ts'

/** The rest of a page that is open since before a newer one took its place on the server is not there any more. */
function sayIncomplete(): void {
  const text = document.createElement('p')
  text.setAttribute('role', 'alert')
  text.textContent =
    'A part of this page could not be loaded. It may have been replaced by a newer version: reload the page.'
  text.style.padding = '2em'
  document.querySelector('drydock-app')?.replaceChildren(text)
}

import('./drydock-app.ts').catch(sayIncomplete)
