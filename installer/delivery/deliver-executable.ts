import { join } from 'node:path'
import { Readable } from 'node:stream'
import { FORGET_UNIT, NODE_PATHS } from '../../agent/contract/paths.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Connection } from '../fleet/connection.ts'
import { debianPackage } from './debian-package.ts'
import type { Executable } from './executable.ts'
import { SHA256_OF } from './sha256-of.ts'

/** So much is sent again, at the most, when the line breaks. */
const PIECE_BYTES = 1024 * 1024
/** Of another version: that is no run that goes on. */
const GIVEN_UP_MIN = 60
/** So long what came packed waits for the next command. */
const KEPT_MIN = 60
/** How the host tells that what arrived is not what was named. */
const OTHER_DIGEST = 65

/** The digest, in hex, of the executable that is on the host; undefined where there is none. */
export async function digestThere(connection: Connection, signal: AbortSignal): Promise<string | undefined> {
  const script = `${SHA256_OF}; sha256_of "$1"`
  const there = await connection.exec(['sh', '-c', script, 'sh', NODE_PATHS.executable], { signal })
  return there.code === 0 ? there.stdout.slice(0, 64) : undefined
}

/** Whether the very same executable is on the host. */
async function hasExecutable(connection: Connection, { sha256 }: Executable, signal: AbortSignal): Promise<boolean> {
  return (await digestThere(connection, signal)) === sha256
}

/**
 * Puts the executable onto a host unless the same digest is there already. It goes in pieces, and those that arrived
 * before the line broke do not go again: they wait in the host's memory. So do all of them when it came packed, for an hour
 * or until something is installed (`agent/service/executable-pieces.ts`): who checks, plans and then installs sends them
 * once. What somebody gave up on goes with the next delivery, or when the host starts again.
 * @returns true when it was sent
 * @throws MojaboxError kind host, or `executable-not-sent` with what the host said; `executable-corrupt`
 */
export async function deliverExecutable(
  connection: Connection,
  executable: Executable,
  onBytes: (doneBytes: number, totalBytes: number) => void,
  signal: AbortSignal,
): Promise<boolean> {
  if (await hasExecutable(connection, executable, signal)) return false
  const { readsZstd, names } = await lookAround(connection, signal)
  const packed = readsZstd ? executable.packed : undefined
  const { sha256, sizeBytes, open } = packed ? debianPackage(packed) : executable
  const arrived = arrivedPieces(names, sha256)
  const offset = Math.min(arrived * PIECE_BYTES, sizeBytes)
  const input = Readable.from(
    counted(open(offset), (done) => onBytes(offset + done, sizeBytes)),
    { objectMode: false },
  )
  const what = [NODE_PATHS.executable, executable.sha256, executable.sizeBytes]
  const count = Math.ceil(sizeBytes / PIECE_BYTES)
  const pieces = [join(NODE_PATHS.run, sha256), count, sizeBytes - (count - 1) * PIECE_BYTES, arrived]
  const script = receiving(packed !== undefined)
  // A group of its own, so that it can be ended whole.
  const words = ['setsid', '--wait', 'sh', '-c', script, 'sh', ...[...what, ...pieces].map(String)]
  const sent = await connection.exec(words, { input, signal, timeoutMs: 30 * 60_000 })
  if (sent.code === 0) return true
  // Another desk that sent the same may have been quicker, and have tidied up.
  if (await hasExecutable(connection, executable, signal)) return true
  if (sent.code === OTHER_DIGEST) {
    // What an earlier run left there may be what is damaged; it is gone now.
    if (arrived > 0) return deliverExecutable(connection, executable, onBytes, signal)
    throw corrupt(executable, connection.address)
  }
  throw new MojaboxError({
    code: 'executable-not-sent',
    kind: 'host',
    message: `the executable could not be put onto ${connection.address}`,
    found: sent.stderr.trim() || `exit code ${sent.code}`,
    needed: `${NODE_PATHS.executable} with room for ${Math.ceil(executable.sizeBytes / 1e6)} MB`,
    next: `see \`df -h /var/lib /run\` on ${connection.address}, then run the same command again`,
  })
}

/**
 * What the host runs. Words: path, digest and size of the executable; what the names of pieces begin with, how many there
 * are, the last one's size, and how many have arrived. A piece gets its name when it is whole, so two desks that send the
 * same do not disturb each other, and neither does who hangs on a dead line: the first to be done ends the others. Each
 * piece is unpacked as it comes. The pieces of what came whole stay for an hour where it is `packed`, so that they are few,
 * and there is a systemd to take them away then.
 */
function receiving(packed: boolean): string {
  const unpack = packed ? 'dpkg-deb --fsys-tarfile - | tar -xOf - |' : ''
  return `set -e; umask 022; ended=
${SHA256_OF}
d=$(dirname "$1"); t="$1.$$.partial"; r=$(dirname "$4"); mkdir -p "$d"; mkdir -p -m 700 "$r"
receives() { grep -aqs -- "$2" "/proc/$1/cmdline"; }
# What a power cut or a SIGKILL left of others, and what nobody goes on with.
for f in "$1".*.partial "$4".*.*; do p=\${f%.partial}; p=\${p##*.}; receives "$p" "$1" || rm -f "$f"; done
find "$r" -type f -mmin +${GIVEN_UP_MIN} ! -name "$(basename "$4").*" -exec rm -f {} +
# Nothing stays of what could not be put there; folders with something in them are somebody's.
trap 'rm -f "$t" "$4".*."$$"; rmdir "$r" "$d" "$(dirname "$d")" 2> /dev/null || true' EXIT
# Whom it would tell that the line broke may be gone (PIPE).
trap 'exit 1' HUP INT TERM PIPE
pieces() {
  i=0
  while [ $i -lt "$5" ]; do
    if [ $i -ge "$7" ]; then
      n=${PIECE_BYTES}; [ $((i + 1)) -lt "$5" ] || n=$6
      head -c $n > "$4.$i.$$"
      [ "$(stat -c %s "$4.$i.$$")" -eq $n ] || return 1
      mv "$4.$i.$$" "$4.$i"
    fi
    # Who unpacks it has given up.
    cat "$4.$i" || { : > "$4.bad.$$"; return 1; }
    i=$((i + 1))
  done
}
forgotten_later() {
  systemctl stop ${FORGET_UNIT}.timer 2> /dev/null || true
  # Those of a delivery that is on by then are younger.
  systemd-run --quiet --collect --unit=${FORGET_UNIT} --on-active=${KEPT_MIN}min sh -c '
    find "$1" -maxdepth 1 -type f -name "*.[0-9]*" -mmin +${KEPT_MIN - 1} -delete; rmdir "$1" || true' sh "$r" 2> /dev/null
}
# No more than it has: what is packed may unpack to anything.
pieces "$@" | ${unpack} head -c "$3" > "$t"
[ "$(sha256_of "$t" | head -c 64)" = "$2" ] || ended=${OTHER_DIGEST}
# What came of a part is wanted yet, unless it cannot be unpacked.
[ -z "$ended" ] || [ -e "$4.$(($5 - 1))" ] || [ -e "$4.bad.$$" ] || { echo 'only a part of it came' >&2; exit 1; }
if [ -z "$ended" ]; then
  chmod 755 "$t"; mv "$t" "$1"
  # Who still waits for the same, on a dead line or from another desk, need not; that desk sees that it is there.
  for f in "$4".*.*; do
    p=\${f##*.}
    if receives "$p" "$4"; then kill -TERM "-$p" || true; rm -f "$1.$p.partial"; fi
    rm -f "$f"
  done
fi
if [ -z "$ended" ] && ${packed} && forgotten_later; then exit 0; fi
i=0; while [ $i -lt "$5" ]; do rm -f "$4.$i"; i=$((i + 1)); done
exit \${ended:-0}`
}

/** What the host's dpkg reads (zstd: Debian 12, Ubuntu 22.04), and the names in its folder for a run. */
async function lookAround(
  connection: Connection,
  signal: AbortSignal,
): Promise<{ readsZstd: boolean; names: ReadonlySet<string> }> {
  const script = 'dpkg-deb --help | grep -o -m 1 zstd; ls "$1"'
  const { stdout } = await connection.exec(['sh', '-c', script, 'sh', NODE_PATHS.run], { signal })
  const names = new Set(stdout.split('\n'))
  return { readsZstd: names.has('zstd'), names }
}

/** How many pieces there are from the first on. */
function arrivedPieces(names: ReadonlySet<string>, sha256: string): number {
  let count = 0
  while (names.has(`${sha256}.${count}`)) count += 1
  return count
}

async function* counted(stream: Readable, onBytes: (doneBytes: number) => void): AsyncGenerator<Buffer> {
  let done = 0
  for await (const piece of stream) {
    yield piece
    done += piece.length
    onBytes(done)
  }
}

function corrupt({ sha256, packed }: Executable, address: string): MojaboxError {
  return new MojaboxError({
    code: 'executable-corrupt',
    kind: packed ? 'bundle' : 'host',
    message: `the executable arrived damaged on ${address}`,
    found: 'other bytes; they are gone again',
    needed: `bytes whose sha256 is ${sha256}`,
    next: packed
      ? 'run `mojabox bundle verify` on the bundle, then run the same command again'
      : 'run the same command again, and leave the executable as it is meanwhile',
  })
}
