import type { Facts } from '../../contract/facts.ts'
import { type Check, fail, pass, warn } from '../check.ts'
import { type Ipv4Range, overlaps, parseRange, subdivide } from '../ipv4-range.ts'
import type { Requirements } from '../requirements.ts'

const MOST_POOLS = 64

/**
 * Docker takes the first ranges that no route of this machine covers. Two things can go wrong: none is left, or it takes
 * one where somebody lives who is reached over a gateway (the desk!), who is then cut off.
 */
export const addressRanges: Check = {
  id: 'address-ranges',
  title: 'Address ranges for containers',
  run(facts, needs) {
    const count = networksToCome(facts)
    const needed =
      count === 0 ? 'none: the networks are there' : `${count} range${count === 1 ? '' : 's'} that nobody else uses`
    if (count === 0) return pass('the hub has its network', needed)
    if (facts.network.routes.length === 0) return warn('no route could be read', needed, 'compare with: ip route')
    const known = facts.network.routes.map(({ cidr }) => parseRange(cidr)).filter((one) => one !== undefined)
    const local = known.filter((one) => one.last - one.first < 2 ** 32 - 1)
    const free = poolsOf(facts, needs).filter((pool) => !local.some((range) => overlaps(pool, range)))
    const next = free.slice(0, count)
    const fix = `choose a range your site does not use, for example by "default-address-pools": [{"base": "10.214.0.0/16", "size": 24}] in /etc/docker/daemon.json${facts.docker?.running ? ', then sudo systemctl restart docker' : ''}`
    if (next.length < count)
      return fail(`${free.length} left: this machine's routes cover the others (ip route)`, needed, fix)
    const distant = facts.network.peers
      .map(parseRange)
      .filter((peer) => peer !== undefined)
      .filter((peer) => !local.some((range) => overlaps(peer, range)))
    const hit = distant.find((peer) => next.some((pool) => overlaps(peer, pool)))
    if (hit) {
      const pool = next.find((one) => overlaps(hit, one))
      return fail(`Docker would take ${pool?.cidr}, where ${hit.cidr} is, which this machine talks with`, needed, fix)
    }
    return pass(next.map((pool) => pool.cidr).join(', '), needed)
  },
}

/** Docker's own network, unless it has one; and the hub's, unless it runs. */
function networksToCome({ docker }: Facts): number {
  const own = docker?.running ? 0 : 1
  const hub = (docker?.containers?.ours ?? 0) > 0 ? 0 : 1
  return own + hub
}

function poolsOf({ network }: Facts, { dockerCidrs }: Requirements): Ipv4Range[] {
  const usual = dockerCidrs.map(parseRange).filter((pool) => pool !== undefined)
  const set = network.dockerPools.flatMap(({ base, size }) => {
    const range = parseRange(base)
    return range ? subdivide(range, size, MOST_POOLS) : []
  })
  return set.length > 0 ? set : usual
}
