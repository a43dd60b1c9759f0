import type { ProxyFacts } from '../../contract/facts.ts'
import { type Check, fail, pass, warn } from '../check.ts'
import { overlaps, parseRange } from '../ipv4-range.ts'

const LOOPBACK = ['localhost', '127.0.0.1']

/**
 * A proxy may be set, as long as what the hub says to itself does not go through it. The daemon's own is never asked
 * for loopback addresses, whatever is set.
 */
export const proxy: Check = {
  id: 'proxy',
  title: 'Proxy',
  run({ proxies }, { loopbackHosts }) {
    const needed = 'no proxy, or one that leaves this machine and the containers alone'
    if (proxies.length === 0) return pass('none', needed)
    const containers = proxies.filter((one) => one.reaches === 'containers' && missing(one, loopbackHosts).length > 0)
    if (containers.length > 0) {
      return fail(
        `${sources(containers)} hands a proxy to every container`,
        needed,
        `let noProxy there be "${wholeList(containers, loopbackHosts)}"`,
      )
    }
    const host = proxies.filter((one) => one.reaches === 'host' && missing(one, LOOPBACK).length > 0)
    if (host.length > 0) {
      return warn(
        `set by ${sources(host)}, for this machine's own addresses too`,
        needed,
        `there, set no_proxy=${wholeList(host, LOOPBACK)} (mojabox itself uses no proxy)`,
      )
    }
    return pass(`set by ${sources(proxies)}, not used for this machine`, needed)
  },
}

function sources(proxies: readonly ProxyFacts[]): string {
  return [...new Set(proxies.map((one) => one.source))].join(' and ')
}

function wholeList(proxies: readonly ProxyFacts[], hosts: readonly string[]): string {
  const there = proxies.flatMap((one) => entriesOf(one))
  return [...new Set([...there, ...hosts])].join(',')
}

function missing(one: ProxyFacts, hosts: readonly string[]): string[] {
  const entries = entriesOf(one)
  return hosts.filter((host) => !entries.some((entry) => covers(entry, host)))
}

function entriesOf({ variables }: ProxyFacts): string[] {
  return (variables.no_proxy ?? '').split(/[\s,]+/).filter(Boolean)
}

/** As curl and Go read a `no_proxy` entry: all, a name with what lies under it, an address or a range. */
function covers(entry: string, host: string): boolean {
  if (entry === '*') return true
  const range = parseRange(entry)
  const address = parseRange(host)
  if (range && address) return overlaps(range, address)
  const name = entry.replace(/^\*?\./, '').toLowerCase()
  return host === name || host.endsWith(`.${name}`)
}
