import { describe, expect, it } from 'vitest'
import { profileOf } from '../../../agent/deployments/core-test-harness/profile.ts'
import { definition, readShipped } from './shipped.ts'

const names = Object.keys(definition.profiles)

describe('every profile is closed: it brings what it needs to work', () => {
  it.each(names)('%s: each service after those that it needs, once', (name) => {
    const { services } = profileOf(definition, name)
    expect(new Set(services).size).toBe(services.length)
    services.forEach((service, index) => {
      const needs = definition.services[service]?.needs ?? []
      expect(needs.filter((need) => !services.slice(0, index).includes(need))).toEqual([])
    })
  })

  it.each(names)('%s: every host that a file or a variable of its services names is one of its services', (name) => {
    const { services } = profileOf(definition, name)
    for (const [service, hosts] of namedHosts(services)) {
      expect({ service, foreign: hosts.filter((host) => !services.includes(host)) }).toEqual({ service, foreign: [] })
    }
  })

  it.each(names)('%s: a service that names a host also waits for it, or for what does', (name) => {
    const { services } = profileOf(definition, name)
    // A job reads the file of the service it is for, and works on its database alone.
    const lasting = services.filter((service) => !definition.services[service]?.job)
    for (const [service, hosts] of namedHosts(lasting)) {
      const waited = closureOf(service)
      expect({ service, unwaited: hosts.filter((host) => host !== service && !waited.has(host)) }).toEqual({
        service,
        unwaited: [],
      })
    }
  })

  it.each(names)('%s: every topic that is written to is read by somebody, or is for DFSPs’ side', (name) => {
    const { topics, consumerGroups, services } = profileOf(definition, name)
    const read = new Set(consumerGroups.map(({ topic }) => topic))
    // What the hub has to tell is read where transfers come in; settlement's own handler is not run, as upstream.
    const elsewhere = ['topic-notification-event', 'topic-deferredsettlement-close']
    const unread = Object.keys(topics).filter((topic) => !read.has(topic))
    expect(unread.filter((topic) => !elsewhere.includes(topic))).toEqual([])
    if (services.includes('ml-api-adapter')) expect(read).toContain('topic-notification-event')
  })

  it.each(names)('%s: with a ledger, what moves its money', (name) => {
    const { ledger, consumerGroups, provisioning } = profileOf(definition, name)
    if (!ledger) return
    expect(consumerGroups.map(({ group }) => group)).toContain(provisioning?.fundsIn.group)
  })
})

describe('upstream’s defects are not here', () => {
  it('transfers can commit: with the API come the cache, and the handler of the batch topic that positions go to', () => {
    for (const name of ['transfer', 'central-ledger', 'all-services']) {
      const { services, consumerGroups } = profileOf(definition, name)
      expect(services).toContain('redis')
      expect(consumerGroups.map(({ topic }) => topic)).toContain('topic-transfer-position-batch')
    }
  })

  it('discovery has its cache', () => {
    expect(profileOf(definition, 'discovery').services).toContain('redis')
  })

  it('central-settlement is asked on the port that it listens on', () => {
    expect(definition.services['central-settlement']?.health).toEqual({ port: 3007, path: '/v2/health' })
  })

  it('nothing is built from somebody’s own folder', () => {
    for (const { compose } of Object.values(definition.services)) expect(compose).not.toHaveProperty('build')
  })

  it('nothing runs as root that need not, and nothing mounts a key that is not made on the node', () => {
    const roots = Object.entries(definition.services).filter(([, { compose }]) => !compose.user)
    expect([...new Set(roots.map(([, { compose }]) => compose.image?.replace(/:.*/, '')))].toSorted()).toEqual([
      // Their entry points give up root themselves.
      'docker.io/apache/kafka',
      'docker.io/library/mysql',
      'docker.io/library/redis',
    ])
  })
})

describe('profileOf', () => {
  it('adds up memory and data, and names what the profile is for', () => {
    const small = profileOf(definition, 'central-ledger')
    const whole = profileOf(definition, 'all-services')
    expect(small.needs.memoryBytes).toEqual({ fail: 1_800_000_000, warn: 3_600_000_000 })
    expect(whole.needs.memoryBytes.fail).toBeGreaterThan(small.needs.memoryBytes.fail + 1_000_000_000)
    expect(small.needs.dataBytes).toBe(2_000_000_000)
  })

  it('leaves out the stages of a transfer whose services are missing', () => {
    expect(profileOf(definition, 'central-ledger').fspiop).not.toHaveProperty('transfers')
    expect(profileOf(definition, 'transfer').fspiop).toMatchObject({ transfers: { service: 'ml-api-adapter' } })
    expect(profileOf(definition, 'transfer').fspiop).not.toHaveProperty('quotes')
    expect(Object.keys(profileOf(definition, 'all-services').fspiop ?? {})).toEqual(Object.keys(definition.fspiop))
  })

  it('offers the nearest name for one that there is not', () => {
    expect(() => profileOf(definition, 'all-service')).toThrow(
      expect.objectContaining({
        facts: expect.objectContaining({
          code: 'profile-unknown',
          next: 'did you mean all-services? --profile all-services',
        }),
      }),
    )
  })

  it('refuses services that need each other', () => {
    const { redis } = definition.services
    const services = {
      ...definition.services,
      redis: { ...redis, needs: ['central-ledger'] } as NonNullable<typeof redis>,
    }
    expect(() => profileOf({ ...definition, services }, 'central-ledger')).toThrow('need each other')
  })
})

/** Names of services in a service's own body and in the files that it reads: `kafka:9092`, `http://central-ledger:3001`. */
function namedHosts(services: string[]): [string, string[]][] {
  const known = Object.keys(definition.services)
  return services.map((service) => {
    const files = definition.configs.filter((config) => config.services.includes(service)).map(({ file }) => file)
    const { environment, command } = definition.services[service]?.compose ?? { image: '' }
    const text = [JSON.stringify([environment, command]), ...files.map((file) => readShipped(file))].join('\n')
    const words = [...text.matchAll(/"(?:HOST|host)":\s*"([a-z0-9-]+)"|([a-z][a-z0-9-]+):\d{4}|-h([a-z]+) /g)]
    return [
      service,
      [...new Set(words.map((match) => match[1] ?? match[2] ?? match[3] ?? ''))].filter((word) => known.includes(word)),
    ]
  })
}

function closureOf(service: string): Set<string> {
  const needs = definition.services[service]?.needs ?? []
  return new Set([...needs, ...needs.flatMap((need) => [...closureOf(need)])])
}
