/** A Dockerfile that can't be read. Lines count from 1. */
export class SyntaxError extends Error {
  override readonly name = 'DockerfileSyntaxError'
  readonly startLine: number
  readonly endLine: number

  constructor(message: string, startLine: number, endLine: number = startLine) {
    super(message)
    this.startLine = startLine
    this.endLine = endLine
  }
}
