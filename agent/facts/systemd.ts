import { access } from 'node:fs/promises'
import type { Facts } from '../contract/facts.ts'
import type { RunCommand } from '../contract/step.ts'
import { attempt } from './attempt.ts'

/** Properties as `systemctl show` prints them. */
type Properties = ReadonlyMap<string, string>

export interface SystemdState {
  facts: Facts['systemd']
  /** Environment of the service manager, which every service inherits. */
  environment: Record<string, string>
  dockerEnvironment: Record<string, string>
  firewalld: boolean | null
  nftables: boolean | null
}

export async function collectSystemd(run: RunCommand): Promise<SystemdState> {
  const booted = await access('/run/systemd/system').then(
    () => true,
    () => false,
  )
  if (!booted) return describeSystemd(false, null, null)
  const show = (...words: string[]) =>
    attempt(async () => (await run(['systemctl', 'show', ...words], { timeoutMs: 2_500 })).stdout, null)
  const [manager, units] = await Promise.all([
    show('--property=Version,SystemState,Environment'),
    show('--property=Id,ActiveState,Environment', 'docker.service', 'firewalld.service', 'nftables.service'),
  ])
  return describeSystemd(true, manager, units)
}

/** From the texts of `systemctl show` for the manager and for the units that matter here. */
export function describeSystemd(booted: boolean, manager: string | null, units: string | null): SystemdState {
  const own = parseProperties(manager ?? '')
  const byUnit = new Map(
    (units ?? '').split(/\n\s*\n/).map((block) => [parseProperties(block).get('Id'), parseProperties(block)]),
  )
  const active = (unit: string) => {
    const state = byUnit.get(unit)?.get('ActiveState')
    return state === undefined ? null : state === 'active'
  }
  const version = /^(?:systemd )?(\d+)/.exec(own.get('Version') ?? '')?.[1]
  return {
    facts: { booted, version: version ? Number(version) : null, state: own.get('SystemState') ?? null },
    environment: parseEnvironment(own.get('Environment') ?? ''),
    dockerEnvironment: parseEnvironment(byUnit.get('docker.service')?.get('Environment') ?? ''),
    firewalld: active('firewalld.service'),
    nftables: active('nftables.service'),
  }
}

function parseProperties(text: string): Properties {
  const entries = text.split('\n').map((line): [string, string] => {
    const at = line.indexOf('=')
    return [line.slice(0, at), line.slice(at + 1)]
  })
  return new Map(entries.filter(([name]) => name !== ''))
}

/** `A=b "C=d e" $'F=g'` → names and values; systemd quotes what has spaces. */
export function parseEnvironment(text: string): Record<string, string> {
  const words = text.match(/\$?'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\S+/g) ?? []
  const pairs = words.map((word) => {
    const plain = /^\$?(["']).*\1$/s.test(word) ? word.replace(/^\$?["']|["']$/g, '').replace(/\\(.)/g, '$1') : word
    const at = plain.indexOf('=')
    return [plain.slice(0, at), plain.slice(at + 1)]
  })
  return Object.fromEntries(pairs.filter(([name]) => name))
}
