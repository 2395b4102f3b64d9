/**
 * Things that are owned together and given up in the opposite order. (AsyncDisposableStack is in neither Node 20 nor all
 * current browsers.)
 */
export class Resources implements AsyncDisposable {
  #items: (() => unknown)[] = []

  /** Own this from now on. */
  use<T extends AsyncDisposable | Disposable>(resource: T): T {
    this.#items.push(() =>
      Symbol.asyncDispose in resource
        ? resource[Symbol.asyncDispose]()
        : resource[Symbol.dispose](),
    )
    return resource
  }

  /** Do this at the end. */
  defer(action: () => unknown): void {
    this.#items.push(action)
  }

  /** Hand everything to another owner: this one has nothing left. */
  move(): Resources {
    const moved = new Resources()
    moved.#items = this.#items
    this.#items = []
    return moved
  }

  /** Each is given up, whatever the others do; the first error is thrown in the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = []
    for (let item = this.#items.pop(); item; item = this.#items.pop()) {
      try {
        await item()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw errors[0]
  }
}
