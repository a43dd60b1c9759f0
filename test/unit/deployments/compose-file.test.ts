import { describe, expect, it } from 'vitest'
import { composeLayers } from '../../../agent/deployments/core-test-harness/compose-file.ts'
import { mergeLayers, type Tree } from '../../../agent/deployments/core-test-harness/layers.ts'
import { configsOf, profileOf } from '../../../agent/deployments/core-test-harness/profile.ts'
import { definition } from './shipped.ts'

interface Rendered {
  image: string
  ports?: string[]
  volumes?: (string | { source: string; target: string })[]
  restart: string
  logging: unknown
  labels?: Record<string, string>
  environment?: Record<string, string>
  depends_on?: Record<string, { condition: string }>
  healthcheck?: { test: string[]; interval: string }
}

function render(name: string, ports: Record<string, number> = { kafka: 19092, 'central-ledger': 3001 }) {
  const layers = composeLayers({
    definition,
    profile: profileOf(definition, name),
    currency: 'USD',
    ports: new Map(Object.entries(ports)),
    folder: '/d',
    secretsFolder: '/s',
    configDigests: new Map(definition.configs.map(({ path }) => [path, `digest of ${path}`])),
  })
  return mergeLayers(layers).tree as Tree & {
    services: Record<string, Rendered>
    volumes: Record<string, unknown>
    secrets: Record<string, { file: string }>
  }
}

const whole = render('all-services')
const services = Object.entries(whole.services)

describe('the Compose file of a profile', () => {
  it('has the profile’s services and no others', () => {
    for (const name of Object.keys(definition.profiles)) {
      expect(Object.keys(render(name).services).toSorted()).toEqual(profileOf(definition, name).services.toSorted())
    }
  })

  it.each(services.filter(([name]) => !definition.services[name]?.job))(
    '%s: bounded logs, comes back after a reboot, and is asked how it is',
    (_, service) => {
      expect(service.logging).toMatchObject({ options: { 'max-size': '10m' } })
      expect(service.restart).toBe('unless-stopped')
      expect(service.healthcheck).toMatchObject({ interval: '1s', test: expect.arrayContaining(['probe']) })
    },
  )

  it('runs jobs once, and asks them nothing', () => {
    const job = whole.services['central-ledger-migrator']
    expect(job).toMatchObject({ restart: 'no' })
    expect(job).not.toHaveProperty('healthcheck')
  })

  it('asks the port that the service itself names', () => {
    for (const [name, { healthcheck }] of services) {
      const health = definition.services[name]?.health
      if (health) expect(healthcheck?.test.at(-1)).toBe(`http://127.0.0.1:${health.port}${health.path}`)
    }
  })

  it('starts each after what it needs is well, or has ended well', () => {
    expect(whole.services['account-lookup-service']?.depends_on).toEqual({
      mysql: { condition: 'service_healthy' },
      redis: { condition: 'service_healthy' },
      'central-ledger': { condition: 'service_healthy' },
      'account-lookup-migrator': { condition: 'service_completed_successfully' },
    })
  })

  it('publishes on loopback, and only what is asked for', () => {
    const published = services.flatMap(([, { ports = [] }]) => ports)
    expect(published.toSorted()).toEqual(['127.0.0.1:19092:19092', '127.0.0.1:3001:3001'])
    expect(render('central-ledger', { kafka: 29092, mysql: 13306 }).services.mysql?.ports).toEqual([
      '127.0.0.1:13306:3306',
    ])
  })

  it('tells Kafka’s clients the port that is really published', () => {
    expect(
      render('central-ledger', { kafka: 29092 }).services.kafka?.environment?.KAFKA_ADVERTISED_LISTENERS,
    ).toContain('NODE://127.0.0.1:29092')
  })

  it('mounts each rendered file into who reads it, and is another when the file is', () => {
    for (const { services: readers, path, target } of configsOf(definition, profileOf(definition, 'all-services'))) {
      for (const reader of readers.filter((name) => name in whole.services)) {
        const { volumes = [], labels } = whole.services[reader] ?? {}
        expect(volumes).toContainEqual(expect.objectContaining({ source: `/d/${path}`, target }))
        expect(labels?.['org.mojabox.config']).toContain(`digest of ${path}`)
      }
    }
  })

  it('mounts a file that is only for company where the company is', () => {
    const target = (name: string) => JSON.stringify(render(name).services['central-ledger']?.volumes)
    expect(target('monitoring')).toContain('/opt/app/.CLEDGrc')
    expect(target('hub')).not.toContain('/opt/app/.CLEDGrc')
    expect(target('finance-portal')).toContain('/opt/app/.EVENT_SDKrc')
  })

  it('has several containers of what is busy, and starts nothing that is for being asked for', () => {
    const { services: perf } = render('load')
    expect(perf['central-handler-fulfil']).toMatchObject({ deploy: { replicas: 2 } })
    expect(perf['central-handler-admin']).not.toHaveProperty('deploy')
    expect(perf.k6).toMatchObject({ profiles: ['on-demand'] })
    expect(perf.prometheus).not.toHaveProperty('profiles')
  })

  it('waits for whoever stands in another’s place', () => {
    expect(Object.keys(render('perf').services['ml-api-adapter']?.depends_on ?? {})).toEqual(
      expect.arrayContaining(['central-handler-prepare', 'central-handler-timeout']),
    )
  })

  it('declares every volume and secret that it uses, and leaves no nameless volume behind', () => {
    expect(Object.keys(whole.volumes).toSorted()).toEqual(['kafka-data', 'mysql-data', 'objstore-data'])
    expect(whole.secrets['mysql-password']).toEqual({ file: '/s/mysql-password' })
    expect(Object.keys(whole.secrets).toSorted()).toEqual([
      'account-lookup-password',
      'mysql-password',
      'mysql-root-password',
    ])
  })

  it('leaves nothing for Compose to fill in', () => {
    for (const name of Object.keys(definition.profiles))
      expect(JSON.stringify(render(name))).not.toMatch(/(^|[^$])(\$\$)*\$([^$]|$)|\{\{/)
  })
})
