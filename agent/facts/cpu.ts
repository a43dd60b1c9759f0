import { cpus, machine } from 'node:os'
import type { Facts } from '../contract/facts.ts'
import { attempt } from './attempt.ts'
import { readNumber, readText } from './text-file.ts'

const OCI_ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  aarch64: 'arm64',
  armv7l: 'arm',
  i686: '386',
}

export async function collectCpu(): Promise<Facts['cpu']> {
  const [about, limitCores] = await Promise.all([
    attempt(async () => {
      const { cpu } = await import('systeminformation')
      const { manufacturer, brand, flags } = await cpu()
      return { model: `${manufacturer} ${brand}`.trim() || null, flags: flags.split(/\s+/).filter(Boolean) }
    }, undefined),
    attempt(readLimit, null),
  ])
  const cores = cpus().length
  return {
    architecture: ociArchitecture(machine()),
    model: about?.model ?? cpus()[0]?.model ?? null,
    flags: about?.flags ?? [],
    cores,
    limitCores: limitCores !== null && limitCores < cores ? limitCores : null,
  }
}

/** `uname -m` in the words of OCI images. */
export function ociArchitecture(name: string): string {
  return OCI_ARCHITECTURES[name] ?? name
}

async function readLimit(): Promise<number | null> {
  const two = await readText('/sys/fs/cgroup/cpu.max')
  if (two !== null) return parseCpuMax(two)
  const [quota, period] = await Promise.all([
    readNumber('/sys/fs/cgroup/cpu/cpu.cfs_quota_us'),
    readNumber('/sys/fs/cgroup/cpu/cpu.cfs_period_us'),
  ])
  return quota === null || quota <= 0 || !period ? null : quota / period
}

/** Cores that a cgroup v2 `cpu.max` allows; null without a limit. */
export function parseCpuMax(text: string): number | null {
  const [quota, period] = text.trim().split(/\s+/).map(Number)
  return quota && period ? quota / period : null
}
