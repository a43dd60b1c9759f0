import { describe, expect, it } from 'vitest'
import { configsOf, profileOf } from '../../../agent/deployments/core-test-harness/profile.ts'
import { scrapeConfigs } from '../../../agent/deployments/core-test-harness/scrape.ts'
import { definition, readShipped } from './shipped.ts'

const names = Object.keys(definition.profiles)

describe('every profile is closed: it brings what it needs to work', () => {
  it.each(names)('%s: each service after those that it needs, once', (name) => {
    const { services, waitsFor } = profileOf(definition, name)
    expect(new Set(services).size).toBe(services.length)
    services.forEach((service, index) => {
      expect(waitsFor[service]?.filter((need) => !services.slice(0, index).includes(need))).toEqual([])
    })
  })

  it.each(names)('%s: every host that a file or a variable of its services names is one of its services', (name) => {
    const { services } = profileOf(definition, name)
    for (const [service, hosts] of namedHosts(name)) {
      expect({ service, foreign: hosts.filter((host) => !services.includes(host)) }).toEqual({ service, foreign: [] })
    }
  })

  it.each(names)('%s: a service that names a host also waits for it, or for what does', (name) => {
    const { services, waitsFor } = profileOf(definition, name)
    const named = namedHosts(name)
    // Of two that call each other neither can wait for the other.
    const callsBack = (host: string, service: string) =>
      named.some(([other, theirs]) => other === host && theirs.includes(service))
    for (const [service, hosts] of named) {
      // A job reads the file of the service it is for, and works on its database alone; a page is only told of others.
      if (definition.services[service]?.job && !definition.services[service]?.onDemand) continue
      const waited = closureOf(service, waitsFor)
      const unwaited = hosts.filter(
        (host) => services.includes(host) && host !== service && !waited.has(host) && !callsBack(host, service),
      )
      expect({ service, unwaited }).toEqual({ service, unwaited: [] })
    }
  })

  it.each(names)('%s: every variable of a command is set, every port that is written is published', (name) => {
    const { services } = profileOf(definition, name)
    for (const service of services) {
      const { environment = {}, command = [] } = (definition.services[service]?.compose ?? {}) as Body
      const used = [command].flat().flatMap((word) => [...word.matchAll(/\$\{?([A-Z_]+)/g)].map((match) => match[1]))
      expect({ service, unset: used.filter((variable) => !((variable ?? '') in environment)) }).toEqual({
        service,
        unset: [],
      })
      for (const port of writtenPorts(name, service)) {
        const published = definition.ports[port]
        expect({ port, default: published?.default, service: published?.service }).toEqual({
          port,
          default: expect.any(Number),
          service: expect.toSatisfy((of: string) => services.includes(of)),
        })
      }
    }
  })

  it.each(names)('%s: what is measured is measured in this profile', (name) => {
    const profile = profileOf(definition, name)
    for (const { job_name, dns_sd_configs } of scrapeConfigs(definition, profile)) {
      expect(profile.services).toContain(job_name)
      expect(dns_sd_configs[0]?.names).toEqual([job_name])
    }
  })

  it.each(names)('%s: a partition for every container that reads', (name) => {
    const { topics, consumerGroups, replicas } = profileOf(definition, name)
    for (const { topic, service } of consumerGroups) {
      expect(topics[topic]).toBeGreaterThanOrEqual(replicas[service] ?? 1)
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

  it('puts services in the place of one, also where that one is needed', () => {
    const { services, waitsFor } = profileOf(definition, 'perf')
    const apart = definition.profiles.perf?.instead['central-ledger-handlers'] ?? []
    expect(services).toEqual(expect.arrayContaining(apart))
    expect(services).not.toContain('central-ledger-handlers')
    expect(waitsFor['ml-api-adapter']).toEqual(expect.arrayContaining(apart))
  })

  it('counts every container of a service, and gives its topics as many partitions', () => {
    const { needs, topics, replicas } = profileOf(definition, 'perf')
    const { perf } = definition.profiles
    const alone = profileOf(
      { ...definition, profiles: { alone: { ...perf, includes: [], replicas: {} } as never } },
      'alone',
    )
    expect(alone.topics['topic-transfer-prepare']).toBe(1)
    expect(replicas['central-handler-prepare']).toBe(2)
    expect(topics).toMatchObject({ 'topic-transfer-prepare': 2, 'topic-quotes-post': 2, 'topic-transfer-get': 1 })
    const [more] = ['central-handler-prepare'].map((name) => definition.services[name]?.memoryBytes ?? 0)
    expect(needs.memoryBytes.fail).toBeGreaterThan(profileOf(definition, 'hub').needs.memoryBytes.fail + (more ?? 0))
  })

  it('holds in a profile what holds in those that it includes', () => {
    const load = profileOf(definition, 'load')
    expect(load.replicas).toEqual(profileOf(definition, 'perf').replicas)
    expect(load.services).toEqual(
      expect.arrayContaining(
        profileOf(definition, 'monitoring').services.filter((name) => name !== 'central-ledger-handlers'),
      ),
    )
    expect(load.services).not.toContain('central-ledger-handlers')
  })

  it('refuses profiles that include each other', () => {
    const { perf, load } = definition.profiles
    const profiles = { ...definition.profiles, perf: { ...perf, includes: ['load'] } as NonNullable<typeof load> }
    expect(() => profileOf({ ...definition, profiles }, 'perf')).toThrow('need each other')
  })

  it('runs on demand what is marked so, and neither waits for it nor looks whether it is well', () => {
    const { onDemand, jobs, health, services } = profileOf(definition, 'ttk-tests')
    expect(onDemand).toEqual(['ttk-provisioning', 'ttk-tests'])
    expect(jobs).not.toEqual(expect.arrayContaining(onDemand))
    expect(health.map(({ service }) => service)).not.toEqual(expect.arrayContaining(onDemand))
    const needy = services.filter((name) =>
      (definition.services[name]?.needs ?? []).some((need) => onDemand.includes(need)),
    )
    expect(needy.filter((name) => !onDemand.includes(name))).toEqual([])
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

interface Body {
  environment?: Record<string, string>
  command?: string | string[]
}

/** What a service reads: its body in the Compose file, then its files. */
function textsOf(profileName: string, service: string): string {
  const profile = profileOf(definition, profileName)
  const files = configsOf(definition, profile).filter((config) => config.services.includes(service))
  const { environment, command } = (definition.services[service]?.compose ?? {}) as Body
  return [JSON.stringify([environment, command]), ...files.map(({ file }) => readShipped(file))].join('\n')
}

/** Names of hosts in what a service reads: `kafka:9092`, `http://central-ledger:3001`, `host=mysql`; not its own. */
function namedHosts(profileName: string): [string, string[]][] {
  return profileOf(definition, profileName).services.map((service) => {
    const words = textsOf(profileName, service).matchAll(
      /"(?:HOST|host)":\s*"([a-z][a-z0-9-]*)"|(?<![A-Za-z0-9.:_-])([a-z][a-z0-9-]*):\d{4,5}(?!\d)|-h([a-z]+) |host=([a-z-]+)|(?<!file):\/\/([a-z][a-z0-9-]*)[:/]/g,
    )
    const hosts = [...words].map((match) => match.slice(1).find((word) => word !== undefined) ?? '')
    return [service, [...new Set(hosts)].filter((host) => host !== 'localhost')]
  })
}

/** Ports whose number is written into what a service reads. */
function writtenPorts(profileName: string, service: string): string[] {
  return [...textsOf(profileName, service).matchAll(/\{\{port:([^}]+)\}\}/g)].map((match) => match[1] ?? '')
}

function closureOf(service: string, waitsFor: Record<string, string[]>): Set<string> {
  const needs = waitsFor[service] ?? []
  return new Set([...needs, ...needs.flatMap((need) => [...closureOf(need, waitsFor)])])
}
