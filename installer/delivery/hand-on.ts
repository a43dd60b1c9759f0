import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { NODE_PATHS } from '../../agent/contract/paths.ts'
import { linesOf } from '../../agent/development/lines.ts'
import type { Connection, RemoteProcess } from '../fleet/connection.ts'
import type { Executable } from './executable.ts'
import { SHA256_OF } from './sha256-of.ts'

/** A host that hands on its executable. */
export interface HandingOn {
  port: number
  /** A word that opens the door once. */
  token(): Promise<string>
  end(): void
}

/** For an answer over a link that may be busy with blobs, milliseconds. */
const ANSWER_LIMIT_MS = 10_000

/**
 * Lets a host hand on the executable that it has, to who says a token.
 * @param address at which the others reach it
 * @throws Error when it does not answer
 */
export async function startHandingOn(connection: Connection, address: string): Promise<HandingOn> {
  const process = await connection.spawn([NODE_PATHS.executable, 'node', 'hand-on'])
  const lines = linesOf(process.stream)
  try {
    process.stream.write(`${address}\n`)
    const port = Number(await answer(lines, process, /^\d+$/))
    return {
      port,
      async token() {
        const token = randomBytes(32).toString('hex')
        process.stream.write(`${token}\n`)
        return answer(lines, process, new RegExp(`^${token}$`))
      },
      end: () => endProcess(process),
    }
  } catch (error) {
    endProcess(process)
    throw error
  }
}

function endProcess(process: RemoteProcess): void {
  process.stream.end()
  process.kill()
}

/** The first line that fits: a login shell may have said something before. */
async function answer(lines: AsyncGenerator<string>, process: RemoteProcess, pattern: RegExp): Promise<string> {
  const first = async () => {
    for (;;) {
      const { value, done } = await lines.next()
      if (done) throw new Error(`handing on ended: ${process.stderrTail()}`)
      if (pattern.test(value)) return value
    }
  }
  const late = new AbortController()
  const limit = delay(ANSWER_LIMIT_MS, undefined, { signal: late.signal, ref: false }).then(() => {
    throw new Error('handing on: no answer')
  })
  limit.catch(() => {})
  return Promise.race([first(), limit]).finally(() => late.abort())
}

/** For a connection that stays silent, and for the whole transfer. */
const [CONNECT_LIMIT_S, TRANSFER_LIMIT_S] = [3, 60]
/** So much must come so soon: a host that is slower is not waited for. */
const [FIRST_BYTES, FIRST_LIMIT_S] = [4_000_000, 5]
const LIMIT_MS = (CONNECT_LIMIT_S + FIRST_LIMIT_S + TRANSFER_LIMIT_S + 20) * 1000

/** With what every host has: bash speaks TCP. The token comes over stdin. */
const TAKE = [
  'set -e',
  SHA256_OF,
  `timeout ${CONNECT_LIMIT_S} bash -c ': < "/dev/tcp/$1/$2"' bash "$3" "$4"`,
  `umask 022; mkdir -p "$(dirname "$1")"; t="$1.$$.partial"; trap 'rm -f "$t"' EXIT`,
  'read -r token; exec 3<>"/dev/tcp/$3/$4"; printf "%s\\n" "$token" >&3',
  // No more than it has, whatever comes.
  `first=$(($5 < ${FIRST_BYTES} ? $5 : ${FIRST_BYTES}))`,
  `timeout ${FIRST_LIMIT_S} head -c "$first" <&3 > "$t"`,
  `timeout ${TRANSFER_LIMIT_S} head -c "$(($5 - first))" <&3 >> "$t"`,
  '[ "$(sha256_of "$t" | head -c 64)" = "$2" ]; chmod 755 "$t"; mv "$t" "$1"',
].join('\n')

/**
 * Has a host take the executable from another; the digest is checked there as if the desk had sent it.
 * @returns false when that failed, for whatever reason; the host is then as it was
 */
export async function takeFromHost(
  connection: Connection,
  { sha256, sizeBytes }: Executable,
  from: { address: string; port: number; token: string },
  signal: AbortSignal,
): Promise<boolean> {
  const words = [NODE_PATHS.executable, sha256, from.address, String(from.port), String(sizeBytes)]
  const taken = await connection.exec(['bash', '-c', TAKE, 'bash', ...words], {
    input: `${from.token}\n`,
    signal,
    timeoutMs: LIMIT_MS,
  })
  return taken.code === 0
}
