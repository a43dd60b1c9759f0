import type { Facts } from '../contract/facts.ts'
import { readNumber } from './text-file.ts'

export async function collectSysctls(): Promise<Facts['sysctls']> {
  const [bridgeNfCallIptables, ipForward] = await Promise.all([
    readNumber('/proc/sys/net/bridge/bridge-nf-call-iptables'),
    readNumber('/proc/sys/net/ipv4/ip_forward'),
  ])
  return { bridgeNfCallIptables, ipForward }
}
