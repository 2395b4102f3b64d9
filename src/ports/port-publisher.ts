export interface HostPort {
  readonly protocol: 'tcp' | 'udp'
  /** As the client gave it; `0.0.0.0` and `::` mean what the host takes them for. */
  readonly address: string
  readonly port: number
  /** Whose port it is. */
  readonly container: { readonly id: string; readonly name: string }
}

/** Opens published ports on the host that the engine runs on. */
export interface PortPublisher {
  /**
   * Connections to the host's port go to the guest's address until the result is disposed of.
   * @throws EngineError `conflict` when the port is taken, `invalid-parameter` when the address is not the host's
   */
  publish(
    host: HostPort,
    target: () => { readonly address: string; readonly port: number },
  ): Promise<AsyncDisposable>
}
