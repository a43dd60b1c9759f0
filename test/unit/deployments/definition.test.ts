import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { parseDefinition, readDefinition } from '../../../agent/deployments/core-test-harness/definition.ts'
import { profileOf } from '../../../agent/deployments/core-test-harness/profile.ts'
import { validationKeys } from '../../../agent/deployments/core-test-harness/signers.ts'
import { definition, json, readShipped, text } from './shipped.ts'

const services = Object.entries(definition.services)
const stringsOf = (list: unknown) => (Array.isArray(list) ? list.filter((entry) => typeof entry === 'string') : [])

describe('the definition that is shipped', () => {
  it('generates every secret that a service, a file or the validation asks for, and no other', () => {
    const files = definition.configs.map(({ file }) => readShipped(file)).join('\n')
    const asked = [...files.matchAll(/\{\{secret:([^}]+)\}\}/g)].map((match) => match[1])
    const mounted = services.flatMap(([, { compose }]) => stringsOf(compose.secrets))
    const made = [
      ...Object.keys(definition.secrets),
      ...definition.keyPairs,
      ...Object.keys(definition.certificates).flatMap((name) => [`${name}-key`, `${name}-certificate`]),
    ]
    // Nobody but the step that signs reads an authority's key.
    const authorities = Object.entries(definition.certificates).filter(([, { issuer }]) => issuer === undefined)
    const unasked = authorities.map(([name]) => `${name}-key`)
    const taken = validationKeys(profileOf(definition, 'payments')).values()
    // Whichever half of a pair is asked for, both are made.
    const pairOf = (name = '') =>
      definition.keyPairs.find((pair) => name === `${pair}-key` || name === `${pair}-public`)
    const wanted = [...asked, ...mounted, ...unasked, ...taken].map((name) => pairOf(name) ?? name)
    expect([...new Set(wanted)].sort()).toEqual(made.sort())
  })

  it('lays the hub’s key beside every configuration that names it: a service that lacks it does not start', () => {
    const key = definition.configs.find(({ file }) => file === 'config/jws-hub-key.pem')
    const naming = definition.configs.filter(({ file }) => readShipped(file).includes(key?.target ?? '-'))
    expect(naming.length).toBe(3)
    for (const { file, services } of naming) {
      expect(
        services.filter((service) => !key?.services.includes(service)),
        file,
      ).toEqual([])
    }
  })

  it('gives a certificate for each host that is spoken to by TLS', () => {
    const hosts = Object.values(definition.certificates).flatMap((certificate) => certificate.hosts)
    const adapters = services.filter(([, { compose }]) => JSON.stringify(compose).includes('IN_SERVER_CERT_PATH'))
    expect(hosts.toSorted()).toEqual(adapters.map(([name]) => name).toSorted())
  })

  it('signs only with an authority that it makes', () => {
    const { certificates } = definition
    for (const { issuer } of Object.values(certificates)) {
      if (issuer) expect(certificates[issuer]).toMatchObject({ hosts: [] })
    }
    const changed = text.replace('issuer: security-ca', 'issuer: security-payee')
    expect(() => parseDefinition(changed)).toThrow('not a definition')
  })

  it('asks each database for no password that is not in its container', () => {
    for (const { service, passwordFile } of definition.databases) {
      const mounted = stringsOf(definition.services[service]?.compose.secrets)
      expect(mounted.map((name) => `/run/secrets/${name}`)).toContain(passwordFile)
    }
  })

  it('renders files that stay JSON', () => {
    for (const { file } of definition.configs) {
      if (file.endsWith('.json')) expect(() => JSON.parse(readShipped(file))).not.toThrow()
    }
  })

  it('has no two ports at one place', () => {
    const defaults = Object.values(definition.ports).flatMap((port) => port.default ?? [])
    expect(new Set([...defaults, definition.fspiop.callbacksPort]).size).toBe(defaults.length + 1)
  })

  it('lists, in the bundle’s spec, the images of each profile', () => {
    const spec = parse(readFileSync(new URL('bundle.yaml', SHIPPED), 'utf8')) as Spec
    expect(Object.keys(spec.profiles)).toEqual(Object.keys(definition.profiles))
    for (const [name, keys] of Object.entries(spec.profiles)) {
      const images = profileOf(definition, name).services.flatMap(
        (service) => definition.services[service]?.compose.image ?? [],
      )
      expect({ name, images: keys.map((key) => spec.images[key]).toSorted() }).toEqual({
        name,
        images: [...new Set(images)].toSorted(),
      })
    }
  })

  it.each(services)('%s: a full image reference with a version, no password in its environment', (_, service) => {
    if (!service.siteImage) {
      expect(service.compose.image).toMatch(
        /^[a-z]+(\.[a-z]+)+\/[a-z0-9/-]+:(v?\d+\.\d+(\.\d+)?|RELEASE\.[\dTZ-]+)(-[a-z]+)*$/,
      )
    }
    const passwords = Object.keys(service.compose.environment ?? {}).filter((name) =>
      /PASSWORD|SECRET|TOKEN/.test(name),
    )
    expect(passwords.filter((name) => !/_(FILE|URL)$/.test(name))).toEqual([])
  })

  it.each(services.filter(([, { job }]) => !job))('%s: says how it is, and what it takes', (_, service) => {
    expect(service.health ?? service.compose.healthcheck).toBeDefined()
    expect(service.memoryBytes).toBeGreaterThan(0)
  })

  it('leaves to mojabox what mojabox adds', () => {
    const added = ['depends_on', 'ports', 'labels', 'logging', 'restart', 'profiles', 'container_name', 'networks']
    for (const [name, { compose }] of services) {
      expect({ name, own: Object.keys(compose).filter((key) => added.includes(key)) }).toEqual({ name, own: [] })
    }
  })
})

const SHIPPED = new URL('../../../bundles/core-test-harness/', import.meta.url)

interface Spec {
  images: Record<string, string>
  profiles: Record<string, string[]>
}

describe('parseDefinition', () => {
  it.each([
    ['a service', 'service: mysql\n    user', 'service: mariadb\n    user', 'no service mariadb'],
    [
      'a needed service',
      '- central-ledger-migrator\n',
      '- central-ledger-migrate\n',
      'no service central-ledger-migrate',
    ],
    ['a topic', 'cl-group-transfer-get: topic-transfer-get', 'cl-group-transfer-get: topic-x', 'no topic topic-x'],
    ['a port', 'port: kafka\n', 'port: broker\n', 'no port broker'],
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

  it('reads its own text again as the same', () => {
    expect(parseDefinition(json)).toEqual(definition)
    expect(parseDefinition(text)).toEqual(definition)
  })

  it('refuses a service that two files have', async () => {
    const twice = 'services: [a.yaml, b.yaml]\n'
    const reading = readDefinition(async (path) => (path === 'deployment.yaml' ? twice : 'mysql: { memoryBytes: 1 }\n'))
    await expect(reading).rejects.toMatchObject({ facts: { found: expect.stringContaining('a second service mysql') } })
  })
})
