import { type Check, fail, pass, warn } from '../check.ts'

const NEEDED = 'nothing that drops traffic between containers of one network'

/**
 * With bridge-nf-call-iptables on, what containers say to each other passes the machine's firewall. Docker opens a way
 * in its own chains, but any other chain that drops by default still stops it.
 */
export const bridgeFirewall: Check = {
  id: 'bridge-firewall',
  title: 'Firewall between containers',
  run({ firewall, sysctls }) {
    const bridged = sysctls.bridgeNfCallIptables
    const chains = firewall.droppingChains
    if (bridged === 0) return pass('the firewall does not look at bridges', NEEDED)
    if (chains === null) {
      return warn(
        'the firewall could not be read',
        NEEDED,
        'look for chains with "hook forward" and "policy drop": sudo nft list chains',
      )
    }
    if (chains.length === 0) {
      const active = [firewall.ufw ? 'ufw' : '', firewall.firewalld ? 'firewalld' : ''].filter(Boolean)
      return pass(active.length > 0 ? `${active.join(' and ')}, which lets containers through` : 'no such rule', NEEDED)
    }
    const found = `${chains.join(', ')} drop${chains.length === 1 ? 's' : ''} what is forwarded`
    const fix = `let containers through: ${chains.map((chain) => `sudo nft insert rule ${chain} iifname '"br-*"' accept`).join('; ')}`
    return bridged === 1 ? fail(found, NEEDED, fix) : warn(`${found}, which may concern containers too`, NEEDED, fix)
  },
}
