import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Facts } from '../../../agent/contract/facts.ts'
import { CHECKS } from '../../../agent/preflight/registry.ts'
import type { Requirements } from '../../../agent/preflight/requirements.ts'
import { runChecks } from '../../../agent/preflight/run-checks.ts'
import { disk, healthyHost, ordinaryNeeds } from './healthy-host.ts'

type Break = (facts: Facts, needs: Requirements) => void

/** For each check, one thing wrong that concerns nothing else. */
const BREAKS: Record<string, Break> = {
  architecture: (facts) => {
    facts.cpu.architecture = 'arm64'
  },
  cores: (facts) => {
    facts.cpu.limitCores = 1
  },
  memory: (facts) => {
    facts.memory = { totalBytes: 1e9, availableBytes: 0.9e9, swapTotalBytes: 0, limitBytes: null }
  },
  disk: (facts) => {
    facts.disks = facts.disks.map((one) => ({ ...one, freeBytes: 3.1e9 }))
  },
  filesystem: (facts) => {
    facts.disks = [disk('/var/lib/docker', { type: 'nfs4', device: 'nas:/export' }), disk('/var/lib/mojabox')]
  },
  kernel: (facts) => {
    facts.kernel.release = '3.10.0-1160.el7.x86_64'
  },
  cgroups: (facts) => {
    facts.cgroup = { version: 'none', controllers: [] }
  },
  ports: (facts) => {
    facts.ports?.push({ address: '::', port: 3306, process: 'mariadbd', pid: 812, container: null, project: null })
  },
  os: (facts) => {
    facts.os = { id: 'fedora', versionId: '43', prettyName: 'Fedora Linux 43', idLike: [], key: 'fedora-43' }
    facts.docker = null
  },
  systemd: (facts) => {
    facts.systemd = { booted: false, version: null, state: null }
  },
  root: (facts) => {
    facts.user = { uid: 1000, isRoot: false, sudo: 'missing' }
  },
  clock: (facts) => {
    facts.clock.skewMs = -7_200
  },
  hostname: (facts) => {
    facts.hostname.name = 'hub_1'
  },
  docker: (facts) => {
    if (facts.docker) facts.docker.serverVersion = '19.03.15'
  },
  'bridge-firewall': (facts) => {
    facts.firewall.droppingChains = ['inet filter forward']
  },
  'address-ranges': (facts) => {
    facts.network.peers = ['172.18.4.20']
  },
  swap: (facts) => {
    if (facts.memory) facts.memory.swapTotalBytes = 2e9
  },
  selinux: (facts) => {
    facts.selinux = 'enforcing'
  },
  proxy: (facts) => {
    const variables = { http_proxy: 'http://proxy.site:3128', no_proxy: 'localhost,127.0.0.1' }
    facts.proxies = [{ source: '/root/.docker/config.json', reaches: 'containers', variables }]
  },
}

describe('runChecks', () => {
  it('passes everything on a healthy host, with nothing to fix', () => {
    const results = runChecks(healthyHost(), ordinaryNeeds())
    expect(results.filter((result) => result.status !== 'pass')).toEqual([])
    expect(results.every((result) => result.fix === '' && result.found !== '' && result.needed !== '')).toBe(true)
  })

  it('has something to break for every check', () => {
    expect(Object.keys(BREAKS).sort()).toEqual(CHECKS.map((check) => check.id).sort())
  })

  it.each(Object.entries(BREAKS))('fails %s alone when only that is wrong, and says how to mend it', (id, breakIt) => {
    const facts = healthyHost()
    const needs = ordinaryNeeds()
    breakIt(facts, needs)
    const others = runChecks(facts, needs).filter((result) => result.status !== 'pass')
    expect(others.map((result) => [result.id, result.status])).toEqual([[id, 'fail']])
    expect(others[0]?.fix).not.toBe('')
    expect(Facts.parse(facts)).toEqual(facts)
  })

  it('lists a skipped check as skipped on request, and runs the others', () => {
    const results = runChecks(healthyHost(), ordinaryNeeds(), ['swap', 'ports'])
    expect(results.filter((result) => result.status === 'skip')).toEqual([
      { id: 'ports', title: 'Free ports', status: 'skip', found: 'skipped on request', needed: '', fix: '' },
      { id: 'swap', title: 'Swap', status: 'skip', found: 'skipped on request', needed: '', fix: '' },
    ])
    expect(results).toHaveLength(CHECKS.length)
  })

  it('refuses to skip a check that is not there, and names the nearest', () => {
    const act = () => runChecks(healthyHost(), ordinaryNeeds(), ['swap', 'port'])
    expect(act).toThrow(
      expect.objectContaining({
        facts: expect.objectContaining({
          code: 'unknown-check',
          kind: 'usage',
          found: 'port',
          next: expect.stringContaining('--skip-check ports'),
        }),
      }),
    )
  })

  it('does not fail anything only because it could not be read', () => {
    const unseen: Facts = {
      ...healthyHost(),
      os: null,
      kernel: { release: '', overlay: null },
      cpu: { architecture: 'amd64', model: null, flags: [], cores: 4, limitCores: null },
      memory: null,
      cgroup: null,
      disks: [],
      ports: null,
      systemd: { booted: true, version: null, state: null },
      user: { uid: 1000, isRoot: false, sudo: null },
      hostname: { name: 'hub1', inHosts: null },
      clock: { nowMs: Date.UTC(2026, 10, 23), skewMs: null, synchronized: null },
      docker: null,
      network: { interfaces: [], routes: [], peers: [], dockerPools: [] },
      sysctls: { bridgeNfCallIptables: null, ipForward: null },
      firewall: { iptables: false, firewalld: null, ufw: null, nftables: null, droppingChains: null },
      selinux: null,
    }
    const results = runChecks(unseen, ordinaryNeeds())
    expect(results.filter((result) => result.status === 'fail')).toEqual([])
    expect(results.filter((result) => result.status === 'warn').length).toBeGreaterThan(8)
  })
})

describe('the registry of checks', () => {
  it('lists exactly the files of its folder, each named for its id', () => {
    const files = readdirSync(new URL('../../../agent/preflight/checks', import.meta.url))
    expect(CHECKS.map((check) => `${check.id}.ts`).sort()).toEqual(files.sort())
  })

  it('has ids and titles that differ', () => {
    expect(new Set(CHECKS.map((check) => check.id)).size).toBe(CHECKS.length)
    expect(new Set(CHECKS.map((check) => check.title)).size).toBe(CHECKS.length)
  })
})
