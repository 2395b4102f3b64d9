/** Does a request's Host name this machine? A name that somebody else's DNS leads here (rebinding) does not. */
export const isLoopbackHost = (host: string | undefined): boolean =>
  /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(host ?? '')
