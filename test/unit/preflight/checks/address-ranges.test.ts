import { describe, expect, it } from 'vitest'
import type { Facts } from '../../../../agent/contract/facts.ts'
import { addressRanges } from '../../../../agent/preflight/checks/address-ranges.ts'
import { healthyHost, ordinaryNeeds } from '../healthy-host.ts'

function run(change: Partial<Facts['network']>, docker: Facts['docker'] = null) {
  const facts = healthyHost()
  return addressRanges.run({ ...facts, docker, network: { ...facts.network, ...change } }, ordinaryNeeds())
}

const DEFAULT_ROUTE = { cidr: '0.0.0.0/0', interface: 'eth0', gateway: '10.0.0.1' }

describe('address-ranges', () => {
  it('tells which ranges Docker will take', () => {
    expect(run({ routes: [DEFAULT_ROUTE] })).toMatchObject({ status: 'pass', found: '172.17.0.0/16, 172.18.0.0/16' })
  })

  it('leaves out ranges that a route covers, as Docker does', () => {
    const routes = [DEFAULT_ROUTE, { cidr: '172.16.0.0/14', interface: 'eth1', gateway: null }]
    expect(run({ routes }).found).toBe('172.20.0.0/16, 172.21.0.0/16')
  })

  it('fails when the desk, reached over the gateway, lives in a range Docker would take', () => {
    const finding = run({ routes: [DEFAULT_ROUTE], peers: ['172.18.4.20'] })
    expect(finding).toMatchObject({
      status: 'fail',
      found: 'Docker would take 172.18.0.0/16, where 172.18.4.20 is, which this machine talks with',
    })
    expect(finding.fix).toContain('default-address-pools')
  })

  it('does not mind a desk on the same network, or in a range Docker will not come to', () => {
    const routes = [DEFAULT_ROUTE, { cidr: '172.18.4.0/24', interface: 'eth0', gateway: null }]
    expect(run({ routes, peers: ['172.18.4.20'] }).status).toBe('pass')
    expect(run({ routes: [DEFAULT_ROUTE], peers: ['172.30.1.1'] }).status).toBe('pass')
  })

  it('passes once daemon.json names other ranges', () => {
    const dockerPools = [{ base: '10.214.0.0/16', size: 24 }]
    expect(run({ routes: [DEFAULT_ROUTE], peers: ['172.18.4.20'], dockerPools })).toMatchObject({
      status: 'pass',
      found: '10.214.0.0/24, 10.214.1.0/24',
    })
  })

  it('fails when no range is left', () => {
    const routes = [
      DEFAULT_ROUTE,
      ...['172.16.0.0/12', '192.168.0.0/16'].map((cidr) => ({ cidr, interface: 'vpn0', gateway: null })),
    ]
    expect(run({ routes })).toMatchObject({ status: 'fail', found: expect.stringMatching(/^0 left/) })
  })

  it('asks for nothing once the hub runs', () => {
    const { docker } = healthyHost()
    const running = docker && { ...docker, containers: { total: 6, running: 6, ours: 6, oursRunning: 6 } }
    expect(run({ routes: [DEFAULT_ROUTE], peers: ['172.17.0.9'] }, running).status).toBe('pass')
  })
})
