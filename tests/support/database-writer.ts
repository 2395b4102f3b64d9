/** Image with perl, which can fsync: by its number on i386, as its module takes seconds to load in the emulator. */
export const WRITER_IMAGE = 'debian:12-slim'

/**
 * `perl writer.pl FILE COUNT [LENGTH]`: appends records of LENGTH bytes, 64 KiB by default (number, checksum, noise), as a database does its log: each is
 * synced and then acknowledged by a line with its number. Any error ends it with the words of the system. COUNT 0: until it
 * is killed.
 */
export const WRITER = `($file, $count, $length) = @ARGV; $length ||= 65536; $| = 1;
open R, '<', '/dev/urandom'; read R, $noise, 2 * $length;
$size = -s $file || 0; $first = int($size / $length);
truncate $file, $first * $length if $size;
open F, '>>', $file or die "open: $!";
for ($i = $first; !$count || $i < $count; $i++) {
$body = substr $noise, ($i * 4099) % $length, $length - 8;
$bytes = pack('NN', $i, unpack('%32C*', $body) + $i) . $body;
for ($at = 0; $at < length $bytes; $at += $wrote) {
$wrote = syswrite F, $bytes, length($bytes) - $at, $at;
defined $wrote or die "write: $!"; }
syscall(118, fileno F) == 0 or die "fsync: $!";
print "$i\\n"; }`

/** `perl reader.pl FILE [LENGTH]`: prints how many whole records the file begins with. */
export const READER = `$length = $ARGV[1] || 65536; open F, '<', $ARGV[0] or die "open: $!"; $i = 0;
while (read(F, $bytes, $length) == $length) {
($number, $sum) = unpack 'NN', $bytes;
last if $number != $i || $sum != unpack('%32C*', substr $bytes, 8) + $i;
$i++; }
print "$i\\n";`

export const writer = (file: string, count: number): string[] => [
  'perl',
  '-e',
  WRITER,
  file,
  `${count}`,
]

export const reader = (file: string): string[] => ['perl', '-e', READER, file]

/**
 * A container that says what it finds in FILE, then goes on writing small records, for ever; it starts with the engine.
 */
export const survivor = (file: string): Readonly<Record<string, unknown>> => ({
  Image: WRITER_IMAGE,
  Tty: true,
  Cmd: [
    'sh',
    '-c',
    `touch ${file}; found=$(perl -e "$READER" ${file} 4096); echo "found $found"; exec perl -e "$WRITER" ${file} 0 4096`,
  ],
  Env: [`READER=${READER}`, `WRITER=${WRITER}`],
  HostConfig: {
    NetworkMode: 'none',
    Binds: ['data:/data'],
    RestartPolicy: { Name: 'always', MaximumRetryCount: 0 },
  },
})

/** What a survivor's output says: records that it found, and the last that it has acknowledged since. */
export function progress(
  output: string,
): { readonly found: number; readonly last: number } | undefined {
  const [, found, rest = ''] = /found (\d+)\r?\n([^]*)$/.exec(output) ?? []
  if (found === undefined) return undefined
  const numbers = rest
    .split(/\r?\n/)
    .slice(0, -1)
    .filter((line) => /^\d+$/.test(line))
  return {
    found: Number(found),
    last: numbers.length === 0 ? Number(found) - 1 : Number(numbers.at(-1)),
  }
}
