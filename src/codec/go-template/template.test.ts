import { describe, expect, test } from 'vitest'
import { compileTemplate, executeTemplate } from './template.ts'

const data = {
  Name: '/web',
  State: { Status: 'running', Pid: 12, Health: null },
  Config: { Labels: { b: '2', a: '1' }, Cmd: ['sh', '-c', 'a < b'] },
  Ports: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }] },
  Label: (name: unknown) => `label ${String(name)}`,
}
const fill = (text: string): string => executeTemplate(compileTemplate(text), data)

// What Docker prints for the same data.
test.each([
  ['{{.State.Status}} {{.State.Pid}}', 'running 12'],
  ['{{json .Config.Cmd}}', '["sh","-c","a \\u003c b"]'],
  ['{{.Config.Labels}} {{.Config.Cmd}}', 'map[a:1 b:2] [sh -c a < b]'],
  ['{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}', 'a=1;b=2;'],
  ['{{range .Config.Cmd}}{{println .}}{{end}}', 'sh\n-c\na < b\n'],
  ['{{(index (index .Ports "80/tcp") 0).HostPort}}', '8080'],
  ['{{index .Config.Labels "none"}}|', '|'],
  ['{{if .State.Health}}yes{{else if eq .State.Pid 12}}twelve{{else}}no{{end}}', 'twelve'],
  ['{{with .State}}{{.Status | upper | printf "%-9s|"}}{{end}}', 'RUNNING  |'],
  ['a  {{- /* gone */ -}}  b', 'ab'],
  ['a {{- .Name -}} b', 'a/webb'],
  ['{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}', '2'],
  [
    '{{len .Config.Cmd}} {{slice .Name 1}} {{not true}} {{and 1 0}} {{or "" "x"}}',
    '3 web false 0 x',
  ],
  [
    '{{join .Config.Cmd ","}} {{split "a:b" ":"}} {{title "ab cd"}} {{truncate "abcdef" 3}}',
    'sh,-c,a < b [a b] Ab Cd abc',
  ],
  ['{{.Label "x"}}', 'label x'],
  ['{{define "t"}}<{{.}}>{{end}}{{template "t" .Name}}', '</web>'],
  ['{{range .Config.Cmd}}{{if eq . "-c"}}{{continue}}{{end}}{{.}} {{end}}', 'sh a < b '],
  ['{{printf "%d %05.1f %q %v %x %%" 3 2.5 "a" true 255}}', '3 002.5 "a" true ff %'],
])('%s', (text, expected) => expect(fill(text)).toBe(expected))

describe('errors are Go’s', () => {
  test.each([
    ['{{.Nope}}', 'template: :1:2: executing "" at <.Nope>: map has no entry for key "Nope"'],
    [
      '{{.State.Nope}}',
      'template: :1:8: executing "" at <.State.Nope>: map has no entry for key "Nope"',
    ],
    [
      '{{index .Config.Cmd 9}}',
      'template: :1:2: executing "" at <index .Config.Cmd 9>: error calling index: index out of range: 9',
    ],
    ['{{nope}}', 'template: :1: function "nope" not defined'],
    ['{{.Name', 'template: :1: unclosed action'],
    ['{{if .Name}}', 'template: :1: unexpected EOF'],
    ['{{end}}', 'template: :1: unexpected {{end}}'],
    ['{{}}', 'template: :1: missing value for command'],
  ])('%s', (text, message) => expect(() => fill(text)).toThrow(message))
})
