import { hostname } from 'node:os'
import type { Facts } from '../contract/facts.ts'
import { readText } from './text-file.ts'

export async function collectHostname(): Promise<Facts['hostname']> {
  const name = hostname()
  const [hosts, nsswitch] = await Promise.all([readText('/etc/hosts'), readText('/etc/nsswitch.conf')])
  return { name, inHosts: resolvesLocally(name, hosts, nsswitch) }
}

/** Whether the name is found without a name server: in /etc/hosts, or by systemd's `myhostname`. */
export function resolvesLocally(name: string, hosts: string | null, nsswitch: string | null): boolean | null {
  if (hosts === null) return null
  const names = hosts.split('\n').flatMap((line) => line.replace(/#.*/, '').trim().split(/\s+/).slice(1))
  return names.includes(name) || /^hosts:.*\bmyhostname\b/m.test(nsswitch ?? '')
}
