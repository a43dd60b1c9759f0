import { access } from 'node:fs/promises'
import { release } from 'node:os'
import type { Facts } from '../contract/facts.ts'
import type { RunCommand } from '../contract/step.ts'
import { attempt } from './attempt.ts'
import { findProgram } from './programs.ts'
import { readText } from './text-file.ts'

export async function collectFirewall(
  run: RunCommand,
): Promise<Pick<Facts['firewall'], 'iptables' | 'ufw' | 'droppingChains'>> {
  const [iptables, ufw, droppingChains] = await Promise.all([
    findProgram('iptables'),
    readText('/etc/ufw/ufw.conf'),
    attempt(() => readDroppingChains(run), null),
  ])
  return { iptables: iptables !== null, ufw: ufw === null ? null : /^ENABLED=yes/m.test(ufw), droppingChains }
}

async function readDroppingChains(run: RunCommand): Promise<string[]> {
  // Without nft there are no such rules to speak of; and where asking would load the module, none can be there yet.
  if ((await findProgram('nft')) === null || (await askingWouldLoad())) return []
  const { stdout } = await run(['nft', 'list', 'chains'], { timeoutMs: 2_500 })
  const dropping = parseDroppingChains(stdout)
  const texts = await Promise.all(
    dropping.map((chain) => run(['nft', 'list', 'chain', ...chain.split(' ')], { timeoutMs: 2_500 })),
  )
  return dropping.filter((_, at) => !letsBridgesThrough(texts[at]?.stdout ?? ''))
}

/** A look must not change the machine: the module is not there, but could be loaded. */
async function askingWouldLoad(): Promise<boolean> {
  const loadable = await readText(`/lib/modules/${release()}/modules.dep`)
  if (!loadable?.includes('/nf_tables.ko')) return false
  return access('/sys/module/nf_tables').then(
    () => false,
    () => true,
  )
}

/** Whether a chain (as `nft list chain` prints it) accepts what goes from one of Docker's bridges. */
export function letsBridgesThrough(text: string): boolean {
  return text.split('\n').some((line) => /^\s*(?:iifname "(?:br-|docker)[^"]*".*\s)?accept$/.test(line))
}

/**
 * From `nft list chains`: chains that see forwarded packets and drop by default. The FORWARD chains of iptables are
 * left out: Docker opens its own way through those.
 */
export function parseDroppingChains(text: string): string[] {
  const chains: string[] = []
  let table = ''
  let chain = ''
  for (const line of text.split('\n')) {
    table = /^table (\S+ \S+) \{/.exec(line)?.[1] ?? table
    chain = /^\s*chain (\S+) \{/.exec(line)?.[1] ?? chain
    if (!/type filter hook forward\b.*policy drop/.test(line)) continue
    if (!(/^ip6? filter$/.test(table) && chain === 'FORWARD')) chains.push(`${table} ${chain}`)
  }
  return chains
}
