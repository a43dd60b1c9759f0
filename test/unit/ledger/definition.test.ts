import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { parseDefinition, profileOf } from '../../../agent/deployments/core-test-harness/definition.ts'

const folder = new URL('../../../bundles/core-test-harness/', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, folder), 'utf8')
const text = read('deployment.yaml')
const definition = parseDefinition(text)

interface Service {
  image: string
  profiles?: string[]
  ports?: string[]
  volumes?: (string | { source: string })[]
  restart?: string
  logging?: unknown
  environment?: Record<string, string>
  secrets?: string[]
  healthcheck?: { test: string[] }
}
const composeText = read(definition.compose)
const compose = parse(composeText, { merge: true }) as {
  services: Record<string, Service>
  volumes: Record<string, unknown>
  secrets: Record<string, { file: string }>
}

describe('the definition that is shipped', () => {
  it.each(Object.entries(definition.profiles))(
    'has for profile %s the services Compose has for it',
    (name, profile) => {
      const inCompose = Object.keys(compose.services).filter((service) =>
        compose.services[service]?.profiles?.includes(name),
      )
      expect([...profile.services].sort()).toEqual(inCompose.sort())
    },
  )

  it('generates every secret that a service or a file asks for, and no other', () => {
    const files = definition.configs.map(({ file }) => read(file)).join('\n')
    const asked = [...files.matchAll(/\{\{secret:([^}]+)\}\}/g)].map((match) => match[1])
    const mounted = Object.values(compose.services).flatMap((service) => service.secrets ?? [])
    expect([...new Set([...asked, ...mounted])].sort()).toEqual(Object.keys(definition.secrets).sort())
    for (const [name, { file }] of Object.entries(compose.secrets)) expect(file).toBe(`\${MOJABOX_SECRETS:?}/${name}`)
  })

  it('mounts every file it renders into the services that read it', () => {
    for (const { services, path } of definition.configs) {
      for (const service of services) {
        const volumes = compose.services[service]?.volumes ?? []
        const sources = volumes.map((volume) => (typeof volume === 'string' ? volume : volume.source))
        expect(sources).toContain(`\${MOJABOX_DIR:?}/${path}`)
      }
    }
  })

  it('renders files that stay JSON', () => {
    for (const { file } of definition.configs) expect(() => JSON.parse(read(file))).not.toThrow()
  })

  it('tells Compose where each port is published, on loopback only', () => {
    for (const { service, variable } of Object.values(definition.ports)) {
      expect(compose.services[service]?.ports?.some((port) => port.startsWith(`127.0.0.1:\${${variable}:?}:`))).toBe(
        true,
      )
    }
    const published = Object.values(compose.services).flatMap((service) => service.ports ?? [])
    expect(published).toHaveLength(Object.keys(definition.ports).length)
  })

  it('has a consumer group for every topic that is consumed here', () => {
    for (const profile of Object.values(definition.profiles)) {
      const consumed = new Set(profile.consumerGroups.map(({ topic }) => topic))
      // Read by ml-api-adapter, which no profile has yet.
      const unread = Object.keys(profile.topics).filter((topic) => !consumed.has(topic))
      expect(unread).toEqual(['topic-notification-event'])
    }
  })
})

describe('the services', () => {
  const services = Object.entries(compose.services)

  it.each(services)(
    '%s: a full image reference with a version, bounded logs, no password in its environment',
    (_, service) => {
      expect(service.image).toMatch(/^[a-z.]+\/[a-z/-]+:v?\d+\.\d+(\.\d+)?$/)
      expect(service.logging).toBeDefined()
      const passwords = Object.keys(service.environment ?? {}).filter((name) => /PASSWORD|SECRET|TOKEN/.test(name))
      expect(passwords.filter((name) => !name.endsWith('_FILE'))).toEqual([])
    },
  )

  it.each(services.filter(([name]) => !definition.profiles['central-ledger']?.jobs.includes(name)))(
    '%s: comes back after a reboot, and says when it is healthy',
    (_, service) => {
      expect(service.restart).toBe('unless-stopped')
      expect(service.healthcheck?.test).toBeDefined()
    },
  )

  it('leave no nameless volume behind', () => {
    expect(Object.keys(compose.volumes).sort()).toEqual(['kafka-data', 'mysql-data'])
  })
})

describe('parseDefinition', () => {
  it.each([
    ['a service', 'service: mysql, user', 'service: mariadb, user', 'no service mariadb'],
    [
      'a topic',
      'topic: topic-admin-transfer }\n      participants',
      'topic: topic-x }\n      participants',
      'no topic topic-x',
    ],
    ['a port', 'port: kafka }', 'port: broker }', 'no port broker'],
  ])('refuses %s that is not there', (_, from, to, found) => {
    expect(text).toContain(from)
    expect(() => parseDefinition(text.replace(from, to))).toThrow(
      expect.objectContaining({ facts: expect.objectContaining({ found: expect.stringContaining(found) }) }),
    )
  })

  it('refuses what it does not know', () => {
    expect(() => parseDefinition(`${text}\nsurprise: true\n`)).toThrow('not a definition')
    expect(() => parseDefinition('a: [')).toThrow('not a definition')
  })

  it('names the profiles there are', () => {
    expect(() => profileOf(definition, 'everything')).toThrow(
      expect.objectContaining({
        facts: expect.objectContaining({ code: 'profile-unknown', needed: 'central-ledger' }),
      }),
    )
  })
})
