import { dirname } from 'node:path/posix'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Connection } from './connection.ts'

/** The little the desk must know of a host before it can send it anything. */
export interface Probe {
  /** As the kernel says it: `x86_64`, `aarch64`. */
  architecture: string
  /** ID and VERSION_ID of os-release: `debian` `12`; empty when unknown. */
  osId: string
  osVersion: string
  /** PRETTY_NAME: `Debian GNU/Linux 12 (bookworm)`. */
  osName: string
  uid: number
  home: string
  systemd: boolean
  /** Whether the executable lies at its path, and whether it is the wanted one. */
  executable: 'missing' | 'other' | 'same'
  /** Free on the file system where the executable lies or will lie. */
  freeBytes: number
}

/** sh only, no bashisms: dash and busybox run it. $1: the executable's path, $2: its folder. */
const SCRIPT = `
PATH=$PATH:/usr/sbin:/sbin
say() { printf '%s=%s\\n' "$1" "$2"; }
say architecture "$(uname -m)"
for file in /etc/os-release /usr/lib/os-release; do
  [ -r "$file" ] || continue
  ( . "$file"; say osId "$ID"; say osVersion "$VERSION_ID"; say osName "$PRETTY_NAME" )
  break
done
say uid "$(id -u)"
say home "$HOME"
[ -d /run/systemd/system ] && say systemd yes
if [ -x "$1" ]; then sum=$(sha256sum < "$1"); say sha256 "\${sum%% *}"; fi
folder=$2
while [ ! -d "$folder" ]; do folder=\${folder%/*}; [ -n "$folder" ] || folder=/; done
df -Pk "$folder" | tail -n 1 | { read -r rest; set -- $rest; shift $(($# - 3)); say freeKiB "$1"; }
say end yes
`

/**
 * Looks at a host with one command. `sha256` is the wanted executable's, in hex.
 * @throws MojaboxError `host-probe`, kind host, when the host is not a Linux we can talk to; and whatever the link throws
 */
export async function probe(
  connection: Connection,
  executable: { path: string; sha256: string },
  signal?: AbortSignal,
): Promise<Probe> {
  const argv = ['sh', '-c', SCRIPT, 'sh', executable.path, dirname(executable.path)]
  const result = await connection.exec(argv, signal === undefined ? {} : { signal })
  const parsed = parseProbe(result.stdout, executable.sha256)
  if (parsed !== undefined) return parsed
  throw new MojaboxError({
    code: 'host-probe',
    kind: 'host',
    message: `${connection.address} does not answer like a Linux host`,
    found: `exit code ${result.code}: ${(result.stderr || result.stdout).trim().slice(0, 200)}`,
    needed: 'a Linux with a POSIX shell and coreutils or busybox',
    next: `log in to ${connection.address} by hand and see what \`sh -c 'uname -m'\` says there`,
  })
}

/** What the script said; undefined when it did not reach its end. Lines a login banner adds are passed over. */
export function parseProbe(output: string, sha256: string): Probe | undefined {
  const said = new Map<string, string>()
  for (const line of output.split('\n')) {
    const at = line.indexOf('=')
    if (at > 0) said.set(line.slice(0, at).trim(), line.slice(at + 1).trim())
  }
  const word = (key: string) => said.get(key) ?? ''
  const freeKiB = Number(word('freeKiB'))
  const uid = Number(word('uid') || Number.NaN)
  if (word('end') !== 'yes' || word('architecture') === '' || !Number.isInteger(uid)) return undefined
  return {
    architecture: word('architecture'),
    osId: word('osId'),
    osVersion: word('osVersion'),
    osName: word('osName'),
    uid,
    home: word('home'),
    systemd: word('systemd') === 'yes',
    executable: !said.has('sha256') ? 'missing' : word('sha256') === sha256 ? 'same' : 'other',
    freeBytes: Number.isFinite(freeKiB) ? freeKiB * 1024 : 0,
  }
}
