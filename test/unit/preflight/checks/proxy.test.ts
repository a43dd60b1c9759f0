import { describe, expect, it } from 'vitest'
import type { ProxyFacts } from '../../../../agent/contract/facts.ts'
import { proxy } from '../../../../agent/preflight/checks/proxy.ts'
import { healthyHost, ordinaryNeeds } from '../healthy-host.ts'

function run(reaches: ProxyFacts['reaches'], noProxy?: string) {
  const variables = { http_proxy: 'http://proxy.site:3128', ...(noProxy === undefined ? {} : { no_proxy: noProxy }) }
  return proxy.run({ ...healthyHost(), proxies: [{ source: '/etc/environment', reaches, variables }] }, ordinaryNeeds())
}

describe('proxy', () => {
  it.each([
    [undefined, 'warn'],
    ['localhost', 'warn'],
    ['localhost,127.0.0.1', 'pass'],
    ['localhost, 127.0.0.0/8', 'pass'],
    ['*', 'pass'],
  ])('of this machine with no_proxy %s: %s', (noProxy, status) => {
    expect(run('host', noProxy).status).toBe(status)
  })

  it.each([
    [undefined, 'fail'],
    ['localhost,127.0.0.1', 'fail'],
    ['localhost,127.0.0.1,central-ledger,kafka', 'pass'],
    ['*', 'pass'],
  ])('of every container with no_proxy %s: %s', (noProxy, status) => {
    expect(run('containers', noProxy).status).toBe(status)
  })

  it('lets the daemon have its proxy: it never uses it for loopback', () => {
    expect(run('docker')).toMatchObject({ status: 'pass', found: 'set by /etc/environment, not used for this machine' })
  })

  it('gives the whole list to write, what is there already first', () => {
    expect(run('host', 'intranet.site').fix).toContain('no_proxy=intranet.site,localhost,127.0.0.1')
    expect(run('containers', '.site').fix).toContain('".site,localhost,127.0.0.1,central-ledger,kafka"')
  })
})
