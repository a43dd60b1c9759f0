import { nodeExec, nodeVolumes } from './nodes.ts'

/**
 * What differs between two looks at a host that nobody has touched, or between one and the next after a package was
 * installed and purged: kept by the system for itself, of no use to whoever looks after the host. Patterns of
 * `find -path`, in which `*` stands for slashes too.
 */
const volatile = [
  // Not even looked into: processes end while they are listed.
  ...['/proc', '/sys'],
  ...['/dev/*', '/run/*', '/tmp/*', '/var/tmp/*', '/var/log/*', '/var/cache/*'],
  ...['/var/lib/apt/lists/*', '/var/lib/apt/extended_states', '/etc/ld.so.cache', '/etc/.pwd.lock'],
  ...['/var/lib/dpkg/status*', '/var/lib/dpkg/available*', '/var/lib/dpkg/lock*', '/var/lib/dpkg/triggers/*'],
  ...['/var/lib/dpkg/*-old', '/etc/passwd-', '/etc/group-', '/etc/shadow-', '/etc/gshadow-', '/etc/sub?id-'],
  ...['/var/lib/systemd/timers/*', '/var/lib/systemd/random-seed', '/var/lib/systemd/catalog/database'],
  ...['/var/lib/sudo/*', '/var/lib/wtmpdb/*', '/var/lib/lastlog/*', '*/.bash_history'],
  // What Docker holds is a section of its own; of its folders only the outermost level says whether they are in use.
  ...['/var/lib/docker/*/*', '/var/lib/containerd/*/*'],
]

/** Temporary files come and go while it looks: of its complaints only others than that something has gone count. */
const LIST = `{ errors=$(find "$@" 2>&1 >&3); } 3>&1
if printf '%s\\n' "$errors" | grep -v 'No such file or directory$' | grep . >&2; then exit 1; fi`

/** A file that has gone before it was read (xargs tells 123) has no digest: where that matters, the comparison says so. */
const HASH = 'find "$@" -type f -print0 | { xargs -0 -r sha256sum --zero 2> /dev/null || [ $? -eq 123 ]; }'

/**
 * Every path of a node with its type, mode, owner and, for a file, the digest of its content. The folders that are
 * volumes, which a machine without Docker would not have, count by what is in them.
 */
export async function snapshotFiles(name: string, ignoredPaths: readonly string[]): Promise<Map<string, string>> {
  const patterns = [...volatile, ...ignoredPaths].flatMap((pattern) => ['-o', '-path', pattern])
  const walk = ['/', '-ignore_readdir_race', '(', ...patterns.slice(1), ')', '-prune', '-o']
  const [listed, hashed] = await Promise.all([
    nodeExec(name, ['sh', '-c', LIST, 'sh', ...walk, '-printf', String.raw`%p\t%y %m %U:%G\t%l\0`]),
    nodeExec(name, ['sh', '-c', HASH, 'sh', ...walk]),
  ])
  const digests = new Map(records(hashed.stdout).map((record) => [record.slice(66), record.slice(0, 12)]))
  const files = new Map(
    records(listed.stdout).map((record) => {
      const [path = '', attributes = '', target = ''] = record.split('\t')
      if (target !== '') return [path, `link to ${target}`]
      const digest = digests.get(path)
      return [path, digest === undefined ? attributes : `${attributes} sha256:${digest}`]
    }),
  )
  for (const path of nodeVolumes) files.delete(path)
  return files
}

function records(output: string): string[] {
  return output.split('\0').filter(Boolean)
}
