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
  const [about, limitCores] = await Promise.all([readText('/proc/cpuinfo'), attempt(readLimit, null)])
  const cores = cpus().length
  return {
    architecture: ociArchitecture(machine()),
    ...describeCpu(about ?? ''),
    cores,
    limitCores: limitCores !== null && limitCores < cores ? limitCores : null,
  }
}

/** From `/proc/cpuinfo`, whose words for flags and whether it has a model's name depend on the architecture. */
export function describeCpu(text: string): Pick<Facts['cpu'], 'model' | 'flags'> {
  const model = /^model name[ \t]*: *(.+)$/m.exec(text)?.[1]?.trim()
  const flags = /^(?:flags|Features)[ \t]*: *(.+)$/m.exec(text)?.[1]
  return { model: model || null, flags: flags?.split(/\s+/).filter(Boolean) ?? [] }
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
