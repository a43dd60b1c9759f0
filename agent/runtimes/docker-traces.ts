import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunCommand } from '../contract/step.ts'
import { dockerIsThere, PROJECT } from './compose.ts'

/** What a Docker daemon leaves on a host besides its packages, as it was before the daemon came. */
export interface DockerTraces {
  /** Of `TRACE_PATHS`, those that were there. */
  paths: string[]
  /** Of `paths`, the folders that were empty: disks of their own, waiting for Docker's data. */
  emptyPaths: string[]
  groups: string[]
  links: string[]
  /** `0` or `1`; `net.ipv4.ip_forward`. */
  ipForward: string
  /** Policy of the FORWARD chain by family. */
  forwardPolicies: Record<Family, string>
  /** Tables that existed, by family: the daemon's rules may bring new ones. */
  chains: Record<Family, string[]>
}

type Family = 'iptables' | 'ip6tables'
const FAMILIES: Family[] = ['iptables', 'ip6tables']
const IP_FORWARD = '/proc/sys/net/ipv4/ip_forward'
/** Docker's data: volumes lie there, so it goes only when asked. */
const DATA_PATHS = ['/var/lib/docker', '/var/lib/containerd']
const TRACE_PATHS = [
  ...DATA_PATHS,
  '/etc/docker',
  '/etc/containerd',
  '/run/docker',
  '/run/containerd',
  '/run/docker.sock',
  '/run/docker.pid',
  '/opt/containerd',
  '/etc/cni',
  '/opt/cni',
  '/var/lib/docker-engine',
  '/root/.docker',
]

export async function observeTraces(run: RunCommand): Promise<DockerTraces> {
  const paths: string[] = []
  for (const path of TRACE_PATHS) if (await stat(path).catch(() => undefined)) paths.push(path)
  const emptyPaths: string[] = []
  for (const path of paths) if ((await readdir(path).catch(() => ['?'])).length === 0) emptyPaths.push(path)
  const rules = { iptables: await savedRules(run, 'iptables'), ip6tables: await savedRules(run, 'ip6tables') }
  return {
    paths,
    emptyPaths,
    groups: await groupNames(),
    links: await linkNames(run),
    ipForward: (await readFile(IP_FORWARD, 'utf8')).trim(),
    forwardPolicies: { iptables: forwardPolicy(rules.iptables), ip6tables: forwardPolicy(rules.ip6tables) },
    chains: { iptables: chainNames(rules.iptables), ip6tables: chainNames(rules.ip6tables) },
  }
}

/**
 * What is in Docker that is not the hub's: containers, volumes, images (the hub's own are gone by then), by name. Empty
 * where there is no Docker. @throws MojaboxError when it is there and does not answer: nobody knows then
 */
export async function othersInDocker(run: RunCommand): Promise<string[]> {
  if (!(await dockerIsThere(run))) return []
  const project = '{{.Label "com.docker.compose.project"}}'
  const containers = await run(['docker', 'ps', '-a', '--format', `container {{.Names}}\t${project}`])
  const volumes = await run(['docker', 'volume', 'ls', '--format', `volume {{.Name}}\t${project}`])
  const images = await run(['docker', 'images', '--format', 'image {{.Repository}}:{{.Tag}}\t'])
  const rows = [containers, volumes, images].flatMap(({ stdout }) => stdout.split('\n').filter(Boolean))
  const others = rows.map((row) => row.split('\t')).filter(([, owner]) => owner !== PROJECT)
  return others.map(([name = '']) => name)
}

/** Stops the daemon and what would start it again; its containers end with it. */
export async function stopDocker(run: RunCommand): Promise<void> {
  const units = ['docker.socket', 'docker.service', 'containerd.service']
  await run(['systemctl', 'stop', ...units], { okCodes: [0, 1, 5], timeoutMs: 180_000 })
}

/**
 * Takes the daemon's chains, rules and bridges away and gives forwarding back as it was. Rules and chains of others
 * stay. The daemon must have stopped.
 */
export async function removeNetwork(run: RunCommand, before: DockerTraces): Promise<void> {
  for (const family of FAMILIES) await removeRules(run, family, before)
  for (const link of await linkNames(run)) {
    const ours = link === 'docker0' || /^br-[0-9a-f]{12}$/.test(link)
    if (ours && !before.links.includes(link)) await run(['ip', 'link', 'delete', link], { okCodes: [0, 1] })
  }
  if (before.ipForward === '0') await writeFile(IP_FORWARD, '0').catch(() => {})
}

/** Takes the group and the folders away that were not there; with `deleteData` the volumes too. */
export async function removeRest(run: RunCommand, before: DockerTraces, deleteData: boolean): Promise<void> {
  if (!before.groups.includes('docker')) await run(['groupdel', 'docker'], { okCodes: [0, 6] })
  for (const path of TRACE_PATHS) {
    const kept = DATA_PATHS.includes(path) && !deleteData && (await hasVolumes())
    if (kept) continue
    if (!before.paths.includes(path)) await rm(path, { recursive: true, force: true }).catch(ignoreBusy)
    else if (before.emptyPaths.includes(path)) await emptyFolder(path)
  }
}

async function removeRules(run: RunCommand, family: Family, before: DockerTraces): Promise<void> {
  const saved = await savedRules(run, family)
  const known = new Set(before.chains[family])
  for (const { table, rules, chains } of tablesOf(saved)) {
    const fresh = chains.filter((chain) => isDockers(chain) && !known.has(`${table}/${chain}`))
    const jumps = rules.filter((rule) => !fresh.includes(rule[1] ?? '') && isDockersRule(rule, fresh))
    for (const rule of jumps) await run([family, '-w', '-t', table, '-D', ...rule.slice(1)], { okCodes: [0, 1, 2] })
    for (const chain of fresh) await run([family, '-w', '-t', table, '-F', chain], { okCodes: [0, 1] })
    for (const chain of fresh) await run([family, '-w', '-t', table, '-X', chain], { okCodes: [0, 1] })
  }
  const policy = before.forwardPolicies[family]
  if (policy !== '' && policy !== forwardPolicy(saved))
    await run([family, '-w', '-P', 'FORWARD', policy], { okCodes: [0, 1] })
}

interface Table {
  table: string
  chains: string[]
  /** `-A CHAIN …` split into words. */
  rules: string[][]
}

/** Reads the output of `iptables-save`. */
export function tablesOf(saved: string): Table[] {
  const tables: Table[] = []
  for (const line of saved.split('\n')) {
    const current = tables.at(-1)
    if (line.startsWith('*')) tables.push({ table: line.slice(1).trim(), chains: [], rules: [] })
    else if (line.startsWith(':')) current?.chains.push(line.slice(1).split(' ')[0] ?? '')
    else if (line.startsWith('-A ')) current?.rules.push(words(line))
  }
  return tables
}

/** Splits at blanks outside double quotes. */
function words(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '')
}

function isDockers(chain: string): boolean {
  return /^DOCKER(-|$)/.test(chain)
}

function isDockersRule(rule: string[], chains: string[]): boolean {
  const device = rule.some((word) => word === 'docker0' || /^br-[0-9a-f]{12}$/.test(word))
  const masquerade = rule.includes('MASQUERADE') && rule.includes('!') && device
  return device || masquerade || chains.some((chain) => rule.includes(chain))
}

function chainNames(saved: string): string[] {
  return tablesOf(saved).flatMap(({ table, chains }) => chains.map((chain) => `${table}/${chain}`))
}

function forwardPolicy(saved: string): string {
  const filter = /\*filter\n([\s\S]*?)COMMIT/.exec(saved)?.[1] ?? ''
  return /^:FORWARD (\S+)/m.exec(filter)?.[1] ?? 'ACCEPT'
}

async function savedRules(run: RunCommand, family: Family): Promise<string> {
  const result = await run([`${family}-save`], { okCodes: [0, 1, 127] }).catch(() => undefined)
  return result?.stdout ?? ''
}

async function groupNames(): Promise<string[]> {
  const text = await readFile('/etc/group', 'utf8')
  return text.split('\n').map((line) => line.split(':')[0] ?? '')
}

async function linkNames(run: RunCommand): Promise<string[]> {
  const { stdout } = await run(['ip', '-o', 'link', 'show'])
  return [...stdout.matchAll(/^\d+: ([^:@]+)/gm)].map((match) => match[1] ?? '')
}

async function hasVolumes(): Promise<boolean> {
  return (await stat('/var/lib/docker/volumes').catch(() => undefined)) !== undefined
}

async function emptyFolder(path: string): Promise<void> {
  for (const name of await readdir(path).catch(() => [])) {
    await rm(join(path, name), { recursive: true, force: true }).catch(ignoreBusy)
  }
}

/** A path that is a mount point (a disk of its own) can be emptied but not taken away. */
function ignoreBusy(error: { code?: string }): void {
  if (error.code !== 'EBUSY') throw error
}
