import './page.css'
// Before the rest of the page is read: what the worker does takes longest.
import './engine-worker.ts'

void import('./drydock-app.ts')
