import { describe, expect, it } from 'vitest'
import { seedingHosts } from '../../../installer/delivery/seeding-hosts.ts'
import { Host } from '../../../installer/site/site.ts'

const host = (name: string, address: string, more: object = {}) =>
  Host.parse({ name, address, ...(address !== 'local' && { user: 'ops' }), ...more })

describe('seedingHosts', () => {
  it('are those that are reached over a network', async () => {
    const hosts = [host('a', '10.0.0.1'), host('b', 'local'), host('c', 'fd00::7'), host('d', '127.0.0.1')]
    expect(await seedingHosts(hosts)).toEqual([
      { name: 'a', address: '10.0.0.1' },
      { name: 'c', address: 'fd00::7' },
    ])
  })

  it('are none where there would be one', async () => {
    expect(await seedingHosts([host('a', '10.0.0.1'), host('b', 'local')])).toEqual([])
  })

  it('are known by what their names mean here; behind a jump host only those there know them', async () => {
    const jump = { address: '10.0.0.9', user: 'ops' }
    const hosts = [host('a', '10.0.0.1'), host('b', 'hub2.internal', { jump }), host('c', 'localhost')]
    expect(await seedingHosts(hosts)).toEqual([
      { name: 'a', address: '10.0.0.1' },
      { name: 'b', address: 'hub2.internal' },
    ])
  })

  it('keep a name that is unknown here', async () => {
    const hosts = [host('a', '10.0.0.1'), host('b', 'nobody.invalid')]
    expect(await seedingHosts(hosts)).toContainEqual({ name: 'b', address: 'nobody.invalid' })
  })
})
