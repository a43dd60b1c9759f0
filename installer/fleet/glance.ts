import type { Connection } from './connection.ts'

/** What one look at a host tells, before anything is sent there; null where it could not be seen. */
export interface Glance {
  /** What a cgroup leaves of it, when less than the machine has. */
  memoryBytes: number | null
  /** Free where data will lie: /var/lib. */
  freeDiskBytes: number | null
  cores: number | null
  /** `Debian GNU/Linux 13 (trixie)` */
  system: string | null
}

/** Each line begins with what it tells; a shell of any kind, and no program but coreutils. */
const SCRIPT = `
  while read -r word count unit; do [ "$word" = MemTotal: ] && echo "memory $((count * 1024))"; done < /proc/meminfo
  for file in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
    [ -r "$file" ] && read -r limit < "$file" && echo "limit $limit"
  done
  df -Pk /var/lib | { read -r head; read -r device total used free rest; echo "disk $((free * 1024))"; }
  echo "cores $(nproc)"
  . /etc/os-release; echo "system $PRETTY_NAME"
  true`

/** @throws MojaboxError kind host when the connection fails */
export async function glanceAt(connection: Connection, signal: AbortSignal): Promise<Glance> {
  const { stdout } = await connection.exec(['sh', '-c', SCRIPT], { signal, timeoutMs: 15_000 })
  return readGlance(stdout)
}

export function readGlance(text: string): Glance {
  const told = (word: string) => {
    const line = text.split('\n').find((one) => one.startsWith(`${word} `))
    return line?.slice(word.length + 1).trim() || null
  }
  const number = (word: string) => {
    const value = Number(told(word) ?? Number.NaN)
    return Number.isFinite(value) && value > 0 ? value : null
  }
  const memory = number('memory')
  // Without a limit cgroup v2 says `max`, and v1 a number beyond any machine's memory.
  const limit = number('limit')
  return {
    memoryBytes: memory === null ? null : Math.min(memory, limit ?? memory),
    freeDiskBytes: number('disk'),
    cores: number('cores'),
    system: told('system'),
  }
}
