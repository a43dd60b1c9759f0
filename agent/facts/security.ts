import type { Facts } from '../contract/facts.ts'
import { readText } from './text-file.ts'

export async function collectSelinux(): Promise<Facts['selinux']> {
  const enforce = (await readText('/sys/fs/selinux/enforce'))?.trim()
  if (enforce === '1') return 'enforcing'
  return enforce === '0' ? 'permissive' : 'disabled'
}

export async function collectApparmor(): Promise<Facts['apparmor']> {
  const enabled = await readText('/sys/module/apparmor/parameters/enabled')
  return enabled?.trim() === 'Y'
}
