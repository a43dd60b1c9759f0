import { nodeExec } from './nodes.ts'
import { snapshotFiles } from './snapshot-files.ts'

/** One aspect of a host: what is there (a package, a unit, a path, a rule) and in which state. */
export type Section = ReadonlyMap<string, string>

/** What a host looks like, apart from what changes by itself: clocks, logs, caches, sessions, process ids. */
export type Snapshot = ReadonlyMap<string, Section>

/**
 * Records the state of a node, past SSH, for a comparison with a later one: packages, systemd units, users, groups,
 * files, packet filter, mounts, links, routes, network settings of the kernel, programs that run, and what its Docker
 * holds. Files are compared by content. `ignoredPaths` are patterns of `find -path`. Takes 1 to 2 s.
 */
export async function snapshotHost(name: string, ignoredPaths: readonly string[] = []): Promise<Snapshot> {
  const sections = aspects.map(async ({ title, command, ignore }) => {
    const { stdout } = await nodeExec(name, ['sh', '-c', command])
    return [title, sectionOf(stdout.split('\n').filter((line) => line !== '' && !ignore?.test(line)))] as const
  })
  const files = snapshotFiles(name, ignoredPaths).then((section) => ['files', section] as const)
  return new Map(await Promise.all([...sections, files]))
}

/**
 * The differences between two snapshots, a line each, in the order of the sections and sorted within: `+` for what is
 * only in the later one, `-` for what is only in the earlier one, `~` for what changed its state.
 */
export function diffSnapshots(earlier: Snapshot, later: Snapshot): string[] {
  return [...new Set([...earlier.keys(), ...later.keys()])].flatMap((title) => {
    const before = earlier.get(title) ?? new Map<string, string>()
    const after = later.get(title) ?? new Map<string, string>()
    const names = [...new Set([...before.keys(), ...after.keys()])].sort()
    return names.flatMap((name) => {
      const [was, is] = [before.get(name), after.get(name)]
      if (was === is) return []
      if (was === undefined) return [`${title}: + ${name} ${is}`.trimEnd()]
      if (is === undefined) return [`${title}: - ${name} ${was}`.trimEnd()]
      return [`${title}: ~ ${name}: ${was} -> ${is}`]
    })
  })
}

interface Aspect {
  title: string
  /** Shell command, run as root in the node, that prints a thing a line: its name, then a tab and its state if any. */
  command: string
  /** Lines that come and go by themselves, or that Docker's lab network needs. */
  ignore?: RegExp
}

/** Takes away after an hour what a check left in memory; `test/e2e/one-host/install.ts` looks at both. */
const FORGETTING = /^mojabox-forget\./

const aspects: readonly Aspect[] = [
  {
    title: 'packages',
    command: `dpkg-query --show --showformat '\${Package}:\${Architecture}\\t\${db:Status-Abbrev} \${Version}\\n'`,
  },
  {
    title: 'packages asked for',
    command: 'apt-mark showmanual',
  },
  {
    title: 'unit files',
    command: `systemctl list-unit-files --plain --no-legend --no-pager | awk '{print $1 "\\t" $2}'`,
    ignore: FORGETTING,
  },
  {
    title: 'units',
    command: `systemctl list-units --all --type=service,socket,timer,path --plain --no-legend --no-pager |
      awk '$4 ~ /^(running|listening|waiting|failed)$/ {print $1 "\\t" $3}'`,
    // Started by a login, or by the first question that somebody asks them.
    ignore:
      /^(mojabox-forget\.|user@|user-runtime-dir@|sshd@|getty@|systemd-(hostnamed|timedated|localed|userdbd|ask-password))/,
  },
  {
    title: 'users',
    command: "getent passwd | sed 's/:/\\t/'",
  },
  {
    title: 'groups',
    command: "getent group | sed 's/:/\\t/'",
  },
  {
    title: 'packet filter',
    // A built-in chain that accepts is the same as none: the tables stay behind, empty, once they were used.
    command: `for save in iptables-save ip6tables-save; do
      if command -v $save > /dev/null; then $save | awk -v tool=\${save%-save} '
        /^\\*/ {table = substr($1, 2)}
        /^-A/ {print tool, table, $0}
        /^:/ && $2 != "ACCEPT" {print tool, table, $1, $2}'; fi
      done
      if command -v nft > /dev/null; then nft list tables; fi`,
    ignore: /127\.0\.0\.11|:?DOCKER_(OUTPUT|POSTROUTING)|^table ip6? (filter|nat|mangle|raw|security)$/,
  },
  {
    title: 'mounts',
    command: `findmnt --raw --noheadings --output TARGET,FSTYPE | tr ' ' '\\t'`,
    ignore: /^\/(proc|sys|dev|run\/(user|credentials|lock|systemd))(\/|\t)/,
  },
  {
    title: 'links',
    command: "ip -o link | sed -E 's/^[0-9]+: ([^:@]+).*/\\1/'",
  },
  {
    title: 'routes',
    command: 'ip route; ip rule',
  },
  {
    title: 'network settings',
    command: `sysctl --all --pattern '^net\\.ipv[46]\\.(ip_forward|conf\\.(all|default)\\.)' | sed 's/ = /\\t/'`,
  },
  {
    title: 'programs running',
    command: 'ps -e -o comm= | sort -u',
    // Those of a login, and those that take the snapshot.
    ignore: new RegExp(
      `^\\(|^(runc|sshd|sshd-.*|sftp-server|sudo|systemd-(hostnam|timedat|locale|user|execut).*|bash|sh|ps|sort|awk|mawk|` +
        'sed|tr|grep|find|xargs|sha256sum|systemctl|apt-mark|dpkg-query|getent|nft|ip|ip6?tables-save|sysctl|findmnt|docker)(:|$)',
    ),
  },
  {
    title: 'docker',
    // Asked only when it runs: its socket would start it.
    command: `if systemctl --quiet is-active docker.service; then
        docker image ls --format 'image {{.Repository}}:{{.Tag}}\\t{{.ID}}'
        docker ps --all --format 'container {{.Names}}\\t{{.Image}} {{.State}}'
        docker volume ls --format 'volume {{.Name}}\\t{{.Driver}}'
        docker network ls --format 'network {{.Name}}\\t{{.Driver}}'
      fi`,
  },
]

function sectionOf(lines: readonly string[]): Section {
  return new Map(
    lines.map((line) => {
      const [name = '', ...state] = line.split('\t')
      return [name, state.join(' ')]
    }),
  )
}
