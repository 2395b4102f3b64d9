import type { PublishedPort } from '../link/preview.ts'
import type { PanelViews } from './panel-views.ts'
import { PreviewPane, type ConnectPreview } from './preview-pane.ts'

/** Ports whose previews were open before a reload; of this tab alone. */
const KEY = 'drydock-previews'

/** The open previews: a view of the side panel for each port. */
export class Previews {
  readonly #views: PanelViews
  readonly #connect: ConnectPreview
  readonly #panes = new Map<number, PreviewPane>()
  #ports: readonly PublishedPort[] = []

  constructor(views: PanelViews, connect: ConnectPreview) {
    this.#views = views
    this.#connect = connect
  }

  /** Open those that were open before the page was reloaded. */
  restore(): void {
    const stored = (sessionStorage.getItem(KEY) ?? '').split(' ').map(Number)
    for (const port of stored) if (port > 0 && port < 65_536) this.open(port)
  }

  open(port: number): void {
    const pane = this.#panes.get(port) ?? this.#create(port)
    this.#views.open({
      id: `preview-${port}`,
      title: `:${port}`,
      element: pane,
      onClose: () => {
        this.#panes.delete(port)
        pane.close()
        this.#remember()
      },
    })
  }

  /** Who publishes what, now. */
  set ports(ports: readonly PublishedPort[]) {
    this.#ports = ports
    for (const [port, pane] of this.#panes) pane.container = this.#containerOf(port)
  }

  #create(port: number): PreviewPane {
    const pane = new PreviewPane()
    pane.port = port
    pane.container = this.#containerOf(port)
    pane.connect = this.#connect
    this.#panes.set(port, pane)
    this.#remember()
    return pane
  }

  #remember(): void {
    sessionStorage.setItem(KEY, [...this.#panes.keys()].join(' '))
  }

  #containerOf(port: number): string | undefined {
    return this.#ports.find((candidate) => candidate.port === port)?.container
  }
}
