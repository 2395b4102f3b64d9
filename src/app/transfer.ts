import type { Banners } from './banners.ts'
import type { MenuItem } from './page-menu.ts'
import type { PlaygroundConnection } from './playground-connection.ts'
import { saveFile } from './save-file.ts'

const BANNER = 'transfer'
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)

/** The playground into a file, and a file's playground in its place; a banner says how far it is. */
export class PlaygroundTransfer {
  readonly #connection: PlaygroundConnection
  readonly #banners: Banners
  #isBusy = false

  constructor(connection: PlaygroundConnection, banners: Banners) {
    this.#connection = connection
    this.#banners = banners
  }

  get menu(): readonly MenuItem[] {
    return [
      {
        label: 'Export the playground',
        hint: 'Images, containers, volumes and files, as one file',
        run: () => void this.#perform(() => this.#export()),
      },
      {
        label: 'Import a playground',
        hint: 'From such a file, in the place of this one',
        run: () => this.#choose(),
      },
    ]
  }

  async #export(): Promise<void> {
    const content = await this.#connection.exportPlayground((done, total) =>
      this.#tell(`Exporting: ${megabytes(done)} of ${megabytes(total)} MB. The machine goes on.`),
    )
    const name = `drydock-${new Date().toISOString().slice(0, 10)}.drydock`
    saveFile(name, content)
    this.#banners.show({
      id: BANNER,
      tone: 'notice',
      text: `The playground is in ${name}, ${megabytes(content.size)} MB.`,
    })
  }

  #choose(): void {
    const input = document.createElement('input')
    input.type = 'file'
    input.accept = '.drydock'
    input.addEventListener('change', () => {
      const [file] = input.files ?? []
      if (file) this.#ask(file)
    })
    input.click()
  }

  #ask(file: File): void {
    if (this.#isBusy) return
    this.#banners.show({
      id: BANNER,
      tone: 'warning',
      text: `Import ${file.name}? What is in it takes the place of everything here: images, containers, volumes and the files of the shell.`,
      actions: [
        {
          label: 'Replace everything',
          run: () => void this.#perform(() => this.#import(file)),
        },
      ],
    })
  }

  async #import(file: File): Promise<void> {
    this.#tell(`Importing ${file.name}.`)
    await this.#connection.importPlayground(file, (done, total) =>
      this.#tell(`Importing: ${megabytes(done)} of ${megabytes(total)} MB.`),
    )
    location.reload()
  }

  async #perform(work: () => Promise<void>): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    try {
      await work()
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      this.#banners.show({
        id: BANNER,
        tone: 'trouble',
        text: `${text.replace(/[^.]$/, '$&.')} This playground is as it was.`,
      })
    } finally {
      this.#isBusy = false
    }
  }

  #tell(text: string): void {
    this.#banners.show({ id: BANNER, tone: 'notice', text, isLasting: true })
  }
}
