import type { editor } from 'monaco-editor/editor/editor.api'
import { lint } from '../../codec/dockerfile/lint.ts'
import { SyntaxError as DockerfileError } from '../../codec/dockerfile/syntax-error.ts'

type Marker = Omit<editor.IMarkerData, 'severity'> & { readonly severity: 'error' | 'warning' }

/** What `docker build --check` says of a Dockerfile, where it says so. */
export function lintMarkers(text: string): readonly Marker[] {
  try {
    return lint(text).map(({ rule, message, url, startLine, endLine }) => ({
      severity: 'warning',
      message: `${message} (${rule})`,
      source: url,
      ...lines(startLine, endLine),
    }))
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error
    return [{ severity: 'error', message: error.message, ...lines(error.startLine, error.endLine) }]
  }
}

const lines = (first: number, last: number): Omit<editor.IMarkerData, 'severity' | 'message'> => ({
  startLineNumber: Math.max(1, first),
  startColumn: 1,
  endLineNumber: Math.max(1, last),
  // The editor takes it back to the line's end.
  endColumn: 10_000,
})
