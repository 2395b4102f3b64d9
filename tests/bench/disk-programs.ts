/** What runs in a container of debian:12-slim to measure a volume at /data; each prints a number a line. */
const perl = (script: string, ...args: (string | number)[]): string[] => [
  'perl',
  '-MIO::Handle',
  '-e',
  // perl-base has no Time::HiRes: clock_gettime(CLOCK_MONOTONIC) by its number on i386.
  `sub now { $now = "\\0" x 8; syscall(265, 1, $now); ($s, $n) = unpack 'll', $now; $s + $n / 1e9 }\n${script}`,
  ...args.map(String),
]

/** Milliseconds of each write of 4 KiB with its fsync; told at the end, as each line costs the guest more than a write does. */
export const syncedWrites = (count: number): string[] =>
  perl(
    `open F, '>', '/data/small' or die; for (1 .. $ARGV[0]) { $at = now();
syswrite F, 'x' x 4096; F->sync or die "fsync: $!"; push @took, 1000 * (now() - $at); }
printf "%.3f\\n", $_ for @took;`,
    count,
  )

/** MB/s of files of so many MiB, written and synced; the last one stays. */
export const bigWrites = (megabytes: number, count: number): string[] =>
  perl(
    `$piece = join '', map { pack 'N', rand 2**32 } 1..262144;
for (1 .. $ARGV[1]) { unlink '/data/big'; open F, '>', '/data/big' or die; $at = now();
for (1 .. $ARGV[0]) { syswrite(F, $piece) == 1048576 or die "write: $!"; } F->sync or die "fsync: $!";
printf "%.2f\\n", $ARGV[0] * 1.048576 / (now() - $at); close F; }`,
    megabytes,
    count,
  )

/** MB/s of reading that file once. */
export const coldRead: readonly string[] = perl(
  `open F, '<', '/data/big' or die; $at = now(); $bytes = 0;
while ($got = sysread F, $piece, 1048576) { $bytes += $got; } printf "%.2f\\n", $bytes / 1e6 / (now() - $at);`,
)

/** Writes and syncs 64 KiB without end. */
export const busyWriter: readonly string[] = perl(
  `open F, '>', '/data/busy' or die; $piece = 'y' x 65536;
for (;;) { sysseek F, 0, 0; for (1 .. 64) { syswrite F, $piece; F->sync or die; } }`,
)

export const numbersOf = (output: string): number[] =>
  output
    .trim()
    .split('\n')
    .map(Number)
    .map((value) => {
      if (!Number.isFinite(value)) throw new Error(`no number: ${output}`)
      return value
    })
