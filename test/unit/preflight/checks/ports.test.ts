import { describe, expect, it } from 'vitest'
import type { PortFacts } from '../../../../agent/contract/facts.ts'
import { ports } from '../../../../agent/preflight/checks/ports.ts'
import { healthyHost, ordinaryNeeds } from '../healthy-host.ts'

const MYSQLD: PortFacts = {
  address: '0.0.0.0',
  port: 3306,
  process: 'mysqld',
  pid: 812,
  container: null,
  project: null,
}

function run(...taken: Partial<PortFacts>[]) {
  return ports.run({ ...healthyHost(), ports: taken.map((one) => ({ ...MYSQLD, ...one })) }, ordinaryNeeds())
}

describe('ports', () => {
  it('names the port, its use, who holds it, and both ways out', () => {
    const finding = run({})
    expect(finding).toMatchObject({
      status: 'fail',
      found: '3306 (mysql) is held by mysqld (process 812)',
      needed: 'free on 127.0.0.1: 3306',
    })
    expect(finding.fix).toContain('systemctl status 812')
    expect(finding.fix).toContain('ports: { mysql: 23306 }')
  })

  it('names every port that is taken', () => {
    const { found } = run({}, { port: 3001, process: 'node', pid: 9, address: '127.0.0.1' })
    expect(found).toBe(
      '3001 (central-ledger) is held by node (process 9); 3306 (mysql) is held by mysqld (process 812)',
    )
  })

  it.each([
    ['127.0.0.1', 'fail'],
    ['0.0.0.0', 'fail'],
    ['::', 'fail'],
    ['::1', 'pass'],
    ['127.0.0.53', 'pass'],
    ['10.0.0.7', 'pass'],
  ])('a listener on %s: %s', (address, status) => {
    expect(run({ address }).status).toBe(status)
  })

  it('names the container behind docker-proxy, and how to stop it', () => {
    const finding = run({ process: 'docker-proxy', container: 'shop-db-1', project: 'shop' })
    expect(finding.found).toContain('the container shop-db-1')
    expect(finding.fix).toContain('docker stop shop-db-1')
  })

  it('takes ports of the hub itself for free', () => {
    expect(run({ process: 'docker-proxy', container: 'mojabox-mysql-1', project: 'mojabox' }).status).toBe('pass')
    expect(run({ process: 'mojabox' }).status).toBe('pass')
  })

  it('says how to find a holder it could not see', () => {
    expect(run({ process: null, pid: null }).fix).toContain("sudo ss -ltnp 'sport = :3306'")
  })

  it('only warns of a port without which things go on', () => {
    const needs = {
      ...ordinaryNeeds(),
      ports: [{ name: 'page', port: 9470, service: 'mojabox-agent', optional: true }],
    }
    const facts = { ...healthyHost(), ports: [{ ...MYSQLD, port: 9470 }] }
    expect(ports.run(facts, needs)).toMatchObject({
      status: 'warn',
      found: '9470 (page) is held by mysqld (process 812)',
    })
  })
})
