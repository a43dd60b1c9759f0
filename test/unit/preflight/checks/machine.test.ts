import { describe, expect, it } from 'vitest'
import type { Facts } from '../../../../agent/contract/facts.ts'
import type { Check, Finding } from '../../../../agent/preflight/check.ts'
import { architecture } from '../../../../agent/preflight/checks/architecture.ts'
import { bridgeFirewall } from '../../../../agent/preflight/checks/bridge-firewall.ts'
import { cgroups } from '../../../../agent/preflight/checks/cgroups.ts'
import { clock } from '../../../../agent/preflight/checks/clock.ts'
import { cores } from '../../../../agent/preflight/checks/cores.ts'
import { hostname } from '../../../../agent/preflight/checks/hostname.ts'
import { kernel } from '../../../../agent/preflight/checks/kernel.ts'
import { memory } from '../../../../agent/preflight/checks/memory.ts'
import { os } from '../../../../agent/preflight/checks/os.ts'
import { root } from '../../../../agent/preflight/checks/root.ts'
import { selinux } from '../../../../agent/preflight/checks/selinux.ts'
import { systemd } from '../../../../agent/preflight/checks/systemd.ts'
import { healthyHost, ordinaryNeeds } from '../healthy-host.ts'

const GIB = 1024 ** 3

function run(check: Check, change: (facts: Facts) => Partial<Facts>): Finding {
  const facts = healthyHost()
  return check.run({ ...facts, ...change(facts) }, ordinaryNeeds())
}

describe('architecture', () => {
  const cpu = (change: Partial<Facts['cpu']>) => run(architecture, (facts) => ({ cpu: { ...facts.cpu, ...change } }))

  it('names the instructions that are missing', () => {
    expect(cpu({ flags: ['sse4_2'] })).toMatchObject({ status: 'fail', found: 'amd64 (AMD EPYC) without popcnt' })
  })

  it('warns when the instructions could not be read', () => {
    expect(cpu({ flags: [] }).status).toBe('warn')
  })
})

describe('cores', () => {
  const cpu = (change: Partial<Facts['cpu']>) => run(cores, (facts) => ({ cpu: { ...facts.cpu, ...change } }))

  it.each([
    [1, 'fail'],
    [2, 'warn'],
    [3, 'warn'],
    [4, 'pass'],
  ])('%i: %s', (count, status) => {
    expect(cpu({ cores: count }).status).toBe(status)
  })

  it('counts what a limit leaves', () => {
    expect(cpu({ cores: 16, limitCores: 1.5 })).toMatchObject({
      status: 'fail',
      found: '16, of which a limit allows 1.5',
    })
  })
})

describe('memory', () => {
  const have = (change: Partial<NonNullable<Facts['memory']>>, ours = 0) =>
    run(memory, ({ memory: own, docker }) => ({
      memory: own && { ...own, ...change },
      docker: docker && { ...docker, containers: { total: ours, running: ours, ours, oursRunning: ours } },
    }))

  it.each([
    [1.9 * GIB, 'fail'],
    [2 * GIB, 'warn'],
    [4 * GIB, 'pass'],
  ])('%i bytes: %s', (totalBytes, status) => {
    expect(have({ totalBytes, availableBytes: totalBytes }).status).toBe(status)
  })

  it('counts what a limit leaves', () => {
    expect(have({ limitBytes: GIB })).toMatchObject({
      status: 'fail',
      found: '8.0 GiB, of which a limit allows 1.0 GiB',
    })
  })

  it('warns when others use it, unless it is the hub that does', () => {
    expect(have({ availableBytes: GIB }).status).toBe('warn')
    expect(have({ availableBytes: GIB }, 6).status).toBe('pass')
  })
})

describe('kernel', () => {
  it('fails without overlay, and only when that is certain', () => {
    expect(run(kernel, () => ({ kernel: { release: '6.1.0', overlay: false } })).status).toBe('fail')
    expect(run(kernel, () => ({ kernel: { release: '6.1.0', overlay: null } })).status).toBe('pass')
  })
})

describe('cgroups', () => {
  const controllers = (...names: string[]) => run(cgroups, () => ({ cgroup: { version: 1, controllers: names } }))

  it('takes version 1', () => {
    expect(controllers('cpu', 'memory', 'pids')).toMatchObject({ status: 'pass', found: 'version 1' })
  })

  it('warns without memory, as on a Raspberry Pi, and fails without cpu', () => {
    expect(controllers('cpu', 'pids')).toMatchObject({
      status: 'warn',
      fix: expect.stringContaining('cgroup_enable=memory'),
    })
    expect(controllers('memory', 'pids').status).toBe('fail')
  })
})

describe('os', () => {
  it('only warns on an unknown system that has Docker', () => {
    const unknown = { id: 'arch', versionId: '', prettyName: 'Arch Linux', idLike: [], key: 'arch' }
    expect(run(os, () => ({ os: unknown })).status).toBe('warn')
    expect(run(os, () => ({ os: unknown, docker: null }))).toMatchObject({
      status: 'fail',
      found: 'Arch Linux, which the bundle has no packages for',
      needed: 'debian-12, debian-13',
    })
  })
})

describe('systemd', () => {
  const state = (version: number, name: string) =>
    run(systemd, () => ({ systemd: { booted: true, version, state: name } }))

  it.each([
    [257, 'running', 'pass'],
    [257, 'starting', 'pass'],
    [257, 'degraded', 'warn'],
    [257, 'maintenance', 'fail'],
    [219, 'running', 'fail'],
  ])('%i, %s: %s', (version, name, status) => {
    expect(state(version, name).status).toBe(status)
  })
})

describe('root', () => {
  it.each([
    ['free', 'pass'],
    ['password', 'warn'],
    ['refused', 'fail'],
    ['missing', 'fail'],
  ] as const)('a user whose sudo is %s: %s', (sudo, status) => {
    expect(run(root, () => ({ user: { uid: 1000, isRoot: false, sudo } })).status).toBe(status)
  })
})

describe('clock', () => {
  const skew = (skewMs: number | null, nowMs = Date.UTC(2026, 10, 23)) =>
    run(clock, (facts) => ({ clock: { ...facts.clock, skewMs, nowMs } }))

  it('takes 5 s either way, and not more', () => {
    expect([5_000, -5_000, 5_001, -5_001].map((ms) => skew(ms).status)).toEqual(['pass', 'pass', 'fail', 'fail'])
  })

  it('says how far and which way', () => {
    expect(skew(-7_200).found).toBe('7.2 s behind the desk')
    expect(skew(90_000).found).toBe('90 s ahead of the desk')
  })

  it('fails a clock that lost its battery, also without a desk', () => {
    expect(skew(null, Date.UTC(1970, 0, 1, 0, 3))).toMatchObject({
      status: 'fail',
      found: 'it says 1970-01-01 00:03 UTC, which is past',
    })
    expect(skew(null).status).toBe('pass')
  })
})

describe('hostname', () => {
  const name = (text: string, inHosts = true) => run(hostname, () => ({ hostname: { name: text, inHosts } }))

  it.each([
    ['hub1', 'pass'],
    ['hub-1.site.example', 'pass'],
    ['localhost', 'warn'],
    ['hub_1', 'fail'],
    ['-hub', 'fail'],
    ['', 'fail'],
    ['a'.repeat(65), 'fail'],
  ])('%s: %s', (text, status) => {
    expect(name(text).status).toBe(status)
  })

  it('warns when the machine cannot resolve its own name', () => {
    expect(name('hub1', false).fix).toContain('127.0.1.1 hub1')
  })
})

describe('bridge-firewall', () => {
  const wall = (bridged: number | null, droppingChains: string[] | null) =>
    run(bridgeFirewall, (facts) => ({
      sysctls: { bridgeNfCallIptables: bridged, ipForward: 1 },
      firewall: { ...facts.firewall, droppingChains },
    }))

  it('matters only where the firewall sees bridges', () => {
    expect(wall(0, ['inet filter forward']).status).toBe('pass')
    expect(wall(1, ['inet filter forward']).status).toBe('fail')
    expect(wall(null, ['inet filter forward']).status).toBe('warn')
  })

  it('gives the rule to type', () => {
    expect(wall(1, ['inet filter forward']).fix).toContain(
      `sudo nft insert rule inet filter forward iifname '"br-*"' accept`,
    )
  })

  it('warns when it could not look', () => {
    expect(wall(1, null).status).toBe('warn')
  })
})

describe('selinux', () => {
  it('minds only enforcing', () => {
    expect(
      (['enforcing', 'permissive', 'disabled'] as const).map((mode) => run(selinux, () => ({ selinux: mode })).status),
    ).toEqual(['fail', 'pass', 'pass'])
  })
})
