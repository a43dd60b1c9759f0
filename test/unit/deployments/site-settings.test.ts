import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { ComposeOverride } from '../../../agent/contract/work-order.ts'
import { effectiveConfig } from '../../../agent/deployments/core-test-harness/effective-config.ts'
import { loadDeployment } from '../../../agent/deployments/core-test-harness/load.ts'
import { renderHub } from '../../../agent/deployments/core-test-harness/render.ts'
import { orderOf } from '../service/orders.ts'
import { shippedBundle } from './harness.ts'

interface Body {
  image: string
  environment?: Record<string, string>
  cpus?: number
  mem_limit?: string
  ports?: string[]
  depends_on?: Record<string, unknown>
}

const host = { distribution: 'debian-13', architecture: 'amd64', profile: 'central-ledger' }

async function rendered(settings: object, composeOverrides: ComposeOverride[] = []) {
  const deployment = await loadDeployment(shippedBundle().bundle, host)
  return renderHub(orderOf({ settings: settings as never, composeOverrides }), deployment)
}

async function servicesOf(settings: object, overrides: ComposeOverride[] = []): Promise<Record<string, Body>> {
  return parse((await rendered(settings, overrides)).composeText).services
}

const override = (services: object, file = 'mine.yaml') => [{ file, content: { services } }]

describe('what a site sets', () => {
  it('gives a common variable to the services that read it, and to no others', async () => {
    const services = await servicesOf({ environment: { LOG_FILTER: 'error', CLEDG_PORT: 3001 } })
    expect(services['central-ledger']?.environment).toMatchObject({ LOG_FILTER: 'error', CLEDG_PORT: '3001' })
    expect(services.mysql?.environment).not.toHaveProperty('LOG_FILTER')
  })

  it('lets a service’s own variable win, and keeps a dollar from Compose', async () => {
    const settings = {
      environment: { LOG_FILTER: 'a' },
      services: { 'central-ledger': { environment: { LOG_FILTER: 'b$HOME' } } },
    }
    const services = await servicesOf(settings)
    expect(services['central-ledger']?.environment?.LOG_FILTER).toBe('b$$HOME')
    expect(services['central-ledger-handlers']?.environment?.LOG_FILTER).toBe('a')
  })

  it('sets log levels, images and limits', async () => {
    const own = { image: 'my-ledger:dev', cpus: 0.5, memory: '512m', logLevel: 'debug' }
    const services = await servicesOf({ logLevel: 'warn', services: { 'central-ledger': own } })
    expect(services['central-ledger']).toMatchObject({
      image: 'my-ledger:dev',
      cpus: 0.5,
      mem_limit: '512m',
      environment: { LOG_LEVEL: 'debug' },
    })
    expect(services['central-ledger-handlers']?.environment?.LOG_LEVEL).toBe('warn')
  })

  it('publishes a port that has no default where the site asks for it', async () => {
    expect((await servicesOf({ ports: { mysql: 13306 } })).mysql?.ports).toEqual(['127.0.0.1:13306:3306'])
    expect((await servicesOf({})).mysql?.ports).toBeUndefined()
  })

  it.each([
    ['a service that the profile lacks', { services: { 'central-leger': {} } }, 'service-unknown', 'central-ledger'],
    ['a variable that no service reads', { environment: { CLEGD_PORT: '1' } }, 'variable-unknown', 'CLEDG_PORT'],
    [
      'a variable that this service does not read',
      { services: { 'central-ledger': { environment: { QUOTE_PORT: '1' } } } },
      'variable-unknown',
      'correct it',
    ],
  ])('refuses %s, with the nearest names', async (_, settings, code, next) => {
    await expect(rendered(settings)).rejects.toMatchObject({
      facts: { code, kind: 'usage', next: expect.stringContaining(next) },
    })
  })
})

describe('a service whose image nobody publishes', () => {
  const own = ['acquirer-backend', 'acquirer-frontend', 'registry-oracle']
  const merchants = async (names: string[]) => {
    const deployment = await loadDeployment(shippedBundle().bundle, { ...host, profile: 'merchant-registry' })
    const services = Object.fromEntries(names.map((name) => [name, { image: `${name}:1` }]))
    return renderHub(orderOf({ settings: { ...orderOf().settings, services } as never }), deployment)
  }

  it('is refused by name, all of them at once, with where to name an image', async () => {
    await expect(merchants(['registry-oracle'])).rejects.toMatchObject({
      facts: {
        code: 'image-not-given',
        kind: 'usage',
        found: 'no image for acquirer-backend, acquirer-frontend',
        next: expect.stringContaining('settings.services.acquirer-backend.image'),
      },
    })
  })

  it('runs with the image that the site names', async () => {
    const { images } = await merchants(own)
    expect(own.map((name) => images.get(name))).toEqual(own.map((name) => `${name}:1`))
  })
})

describe('a Compose file of the site’s own', () => {
  it('is laid over, value by value, the last one winning', async () => {
    const files = [
      ...override({ redis: { environment: ['A=1'], command: ['redis-server'] } }, 'one.yaml'),
      ...override({ redis: { environment: { A: '2' } } }, 'two.yaml'),
    ]
    expect((await servicesOf({}, files)).redis).toMatchObject({ environment: { A: '2' }, command: ['redis-server'] })
  })

  it('adds services, which are waited for like the others', async () => {
    const extra = override({ watcher: { image: 'docker.io/library/watcher:1', depends_on: ['central-ledger'] } })
    const { services, images } = await rendered({}, extra)
    expect(services).toContain('watcher')
    expect(images.get('watcher')).toBe('docker.io/library/watcher:1')
  })

  it('keeps its variables for Compose to fill in', async () => {
    const services = await servicesOf({}, override({ redis: { environment: { A: '$HOME' } } }))
    expect(services.redis?.environment?.A).toBe('$HOME')
  })

  it('is refused when it names a service that the profile lacks without saying what to run', async () => {
    await expect(rendered({}, override({ reddis: { environment: { A: '1' } } }))).rejects.toMatchObject({
      facts: {
        code: 'service-unknown',
        message: expect.stringContaining('mine.yaml: services.reddis'),
        next: 'did you mean redis?',
      },
    })
  })

  it.each([
    ['short', '3001:80'],
    ['with an address', '127.0.0.1:3001:80'],
    ['long', { published: 3001, target: 80 }],
  ])('is refused when it publishes a port twice (%s)', async (_, port) => {
    const extra = override({ watcher: { image: 'docker.io/library/watcher:1', ports: [port] } })
    await expect(rendered({}, extra)).rejects.toMatchObject({
      facts: { code: 'port-twice', found: expect.stringMatching(/central-ledger and watcher on 3001/) },
    })
  })
})

describe('files of a profile', () => {
  const filesOf = async (profile: string, settings = {}) => {
    const deployment = await loadDeployment(shippedBundle().bundle, { ...host, profile })
    const { configs } = renderHub(orderOf({ settings: { ...orderOf().settings, ...settings } }), deployment)
    return new Map(configs.map(({ path, content }) => [path, content]))
  }

  it('tell Prometheus every service that has metrics, each of its containers', async () => {
    const { scrape_configs: jobs } = JSON.parse((await filesOf('load')).get('prometheus.json') ?? '')
    expect(jobs).toContainEqual({
      job_name: 'central-handler-fulfil',
      metrics_path: '/metrics',
      dns_sd_configs: [{ names: ['central-handler-fulfil'], type: 'A', port: 3001 }],
    })
    expect(jobs.map(({ job_name }: { job_name: string }) => job_name)).not.toContain('central-ledger-handlers')
  })

  it('name ports as the site has them', async () => {
    const files = await filesOf('finance-portal', { ports: { 'finance-portal': 19400 } })
    expect(files.get('reporting-hub-bop-api-svc.json')).toContain('http://localhost:19400')
  })

  it('leave nothing unfilled but secrets', async () => {
    for (const profile of ['load', 'finance-portal', 'security', 'all-services']) {
      for (const [path, content] of await filesOf(profile)) {
        expect({ path, left: content.replaceAll(/\{\{secret:[a-z0-9-]+\}\}/g, '').match(/\{ ?\{/) }).toEqual({
          path,
          left: null,
        })
      }
    }
  })
})

describe('effectiveConfig', () => {
  it('tells every value with where it comes from', async () => {
    const settings = { services: { redis: { memory: '64m' } } }
    const values = effectiveConfig(await rendered(settings, override({ redis: { environment: { A: '1' } } })))
    const redis = Object.fromEntries(
      values.filter(({ service }) => service === 'redis').map(({ name, origin }) => [name, origin]),
    )
    expect(redis).toMatchObject({
      image: 'upstream',
      restart: 'profile',
      mem_limit: 'site',
      'environment.A': 'mine.yaml',
    })
  })

  it('tells what is in the files that a service reads, and names secrets without showing them', async () => {
    const values = effectiveConfig(await rendered({}))
    const ledger = values.filter(({ service }) => service === 'central-ledger')
    expect(ledger).toContainEqual(
      expect.objectContaining({ name: 'central-ledger.json: DATABASE.PASSWORD', value: '{{secret:mysql-password}}' }),
    )
    expect(ledger).toContainEqual(
      expect.objectContaining({ name: 'central-ledger.json: DATABASE.HOST', value: 'mysql' }),
    )
  })
})
