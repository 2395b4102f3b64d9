import { FitAddon } from '@xterm/addon-fit'
import { UnicodeGraphemesAddon } from '@xterm/addon-unicode-graphemes'
import { WebLinksAddon } from '@xterm/addon-web-links'
import { Terminal } from '@xterm/xterm'
import '@xterm/xterm/css/xterm.css'
import type { TerminalSession, TerminalSink, TerminalSize } from '../link/playground.ts'
import type { Preferences } from './preferences.ts'
import { terminalThemes } from './terminal-theme.ts'

/** Starts the program behind a terminal. */
export type OpenSession = (size: TerminalSize, sink: TerminalSink) => Promise<TerminalSession>

const encoder = new TextEncoder()

/** A screen with one shell behind it. Whoever creates it disposes it. */
export class TerminalView implements AsyncDisposable {
  readonly element: HTMLElement
  readonly #terminal: Terminal
  readonly #fit = new FitAddon()
  readonly #observer: ResizeObserver
  #session: TerminalSession | undefined
  /** Keys typed before the shell is there, and order among those that follow. */
  #input: Promise<void> = Promise.resolve()
  #disposed = false

  /** @param onLeave told when the visitor wants to go on to the rest of the page by the keyboard */
  constructor(preferences: Preferences, onLeave: () => void) {
    this.element = document.createElement('div')
    this.element.className = 'screen'
    this.#terminal = new Terminal({
      allowProposedApi: true,
      cursorBlink: true,
      fontFamily: 'ui-monospace, "Cascadia Code", Menlo, Consolas, "DejaVu Sans Mono", monospace',
      fontSize: preferences.fontSize,
      scrollback: 10_000,
      theme: terminalThemes[preferences.theme],
      minimumContrastRatio: 4.5,
    })
    this.#terminal.loadAddon(this.#fit)
    this.#terminal.loadAddon(new WebLinksAddon())
    this.#terminal.loadAddon(new UnicodeGraphemesAddon())
    this.#terminal.onResize(({ cols, rows }) => {
      void this.#session?.resize({ cols, rows })
    })
    this.#terminal.attachCustomKeyEventHandler((event) => this.#isForProgram(event, onLeave))
    this.#observer = new ResizeObserver(() => this.#fitToElement())
  }

  /** Draw into the element, which must be in the document. */
  show(): void {
    if (!this.#terminal.element) {
      this.#terminal.open(this.element)
      this.#observer.observe(this.element)
    }
    this.#fitToElement()
  }

  /**
   * Start a program. Input waits for it.
   * @returns its exit code
   */
  async run(open: OpenSession): Promise<number> {
    const { cols, rows } = this.#terminal
    let exited = (_code: number): void => undefined
    const exit = new Promise<number>((resolve) => {
      exited = resolve
    })
    const session = await open(
      { cols, rows },
      {
        write: (bytes) => new Promise((resolve) => this.#terminal.write(bytes, resolve)),
        exit: (code) => exited(code),
      },
    )
    if (this.#disposed) {
      await session.close()
      return 129
    }
    this.#session = session
    // The window may have changed while the program started.
    if (cols !== this.#terminal.cols || rows !== this.#terminal.rows) {
      await session.resize({ cols: this.#terminal.cols, rows: this.#terminal.rows })
    }
    const send = (bytes: Uint8Array): void => {
      this.#input = this.#input.then(() => session.write(bytes)).catch(() => undefined)
    }
    const listeners = [
      this.#terminal.onData((text) => send(encoder.encode(text))),
      // Mouse reports of old encodings: each character is a byte.
      this.#terminal.onBinary((text) => send(Uint8Array.from(text, (char) => char.charCodeAt(0)))),
    ]
    const code = await exit
    for (const listener of listeners) listener.dispose()
    this.#session = undefined
    return code
  }

  /** A line of the page's own, between programs. */
  print(text: string): void {
    const { cursorX } = this.#terminal.buffer.active
    // Bright black is the theme's muted colour; `dim` can't be read on a projector.
    this.#terminal.write(`${cursorX > 0 ? '\r\n' : ''}\u{1b}[90m${text}\u{1b}[0m\r\n`)
  }

  /** The next key. */
  key(): Promise<void> {
    return new Promise((resolve) => {
      const listener = this.#terminal.onData(() => {
        listener.dispose()
        resolve()
      })
    })
  }

  /** Type for the visitor. */
  paste(text: string): void {
    this.#terminal.paste(text)
    this.#terminal.focus()
  }

  /** What the screen and its scrollback hold, a line each: for diagnostics and tests. */
  get text(): string {
    const buffer = this.#terminal.buffer.active
    const lines: string[] = []
    for (let row = 0; row < buffer.length; row++) {
      const line = buffer.getLine(row)
      const part = line?.translateToString(true) ?? ''
      if (line?.isWrapped) lines[lines.length - 1] += part
      else lines.push(part)
    }
    return lines.join('\n').trimEnd()
  }

  applyPreferences(preferences: Preferences): void {
    this.#terminal.options.theme = terminalThemes[preferences.theme]
    this.#terminal.options.fontSize = preferences.fontSize
    this.#fitToElement()
  }

  focus(): void {
    this.#terminal.focus()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    this.#observer.disconnect()
    this.#terminal.dispose()
    this.element.remove()
    await this.#session?.close()
  }

  /** Keys of the page's own; every other one is the program's. */
  #isForProgram(event: KeyboardEvent, onLeave: () => void): boolean {
    if (event.type !== 'keydown') return true
    if (event.key === 'F6') {
      event.preventDefault()
      onLeave()
      return false
    }
    if (event.ctrlKey && event.shiftKey && event.code === 'KeyC') {
      // Chromium would open its developer tools.
      event.preventDefault()
      if (this.#terminal.hasSelection()) document.execCommand('copy')
      return false
    }
    // The browser pastes.
    return !(event.ctrlKey && event.shiftKey && event.code === 'KeyV')
  }

  #fitToElement(): void {
    // A hidden terminal has no size, and must not tell the shell so.
    if (this.element.clientWidth > 0 && this.element.clientHeight > 0) this.#fit.fit()
  }
}
