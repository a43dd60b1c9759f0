import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { profileOf } from '../../../agent/deployments/core-test-harness/profile.ts'
import { definition } from './shipped.ts'

interface Body {
  image?: string
  user?: string
  command?: string[]
  healthcheck?: { test: string[] }
  environment?: Record<string, string>
}

const FOLDER = new URL('../../../bundles/core-test-harness/', import.meta.url)
const files = readdirSync(FOLDER, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => `${parentPath}/${name}`)
const bodies = Object.entries(definition.services).map(([name, { compose }]): [string, Body] => [name, compose as Body])
const names = Object.keys(definition.profiles)

/** What ml-core-test-harness 2.15.1 gets wrong, each by name, is not in ours. */
describe('upstream’s defects are not here', () => {
  it('transfers can commit: with the API come the cache, and the handler of the batch topic that positions go to', () => {
    for (const name of ['transfer', 'central-ledger', 'all-services', 'perf']) {
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

  it('central-settlement brings its database and its broker, and no DFSPs without theirs', () => {
    const { services } = profileOf(definition, 'central-settlement')
    expect(services).toEqual(expect.arrayContaining(['mysql', 'kafka', 'central-ledger']))
    expect(services.filter((name) => name.endsWith('-sdk'))).toEqual([])
  })

  it('the handlers of quotes are asked on their own port, also where performance is measured', () => {
    expect(profileOf(definition, 'perf').health).toContainEqual(
      expect.objectContaining({ service: 'quoting-service-handler', port: 3003 }),
    )
  })

  it('the timeouts of transfers are handled where performance is measured', () => {
    expect(profileOf(definition, 'perf').services).toContain('central-handler-timeout')
  })

  it.each([
    ['finance-portal', ['mysql', 'kafka', 'objstore', 'central-ledger', 'reporting-hub-bop-api-svc']],
    ['fx-sdk', ['mojaloop-testing-toolkit', 'ml-api-adapter', 'quoting-service', 'account-lookup-service']],
    ['debug', ['kafka', 'central-ledger']],
    ['ttk-tests', ['mojaloop-testing-toolkit', 'ttk-provisioning', 'central-ledger']],
    ['perf', ['redis', 'als-msisdn-oracle-svc']],
    ['load', ['prometheus', 'sim-perffsp-1']],
  ])('%s is not left without what it speaks to', (name, wanted) => {
    expect(profileOf(definition, name).services).toEqual(expect.arrayContaining(wanted))
  })

  it('nothing is built from somebody’s own folder', () => {
    for (const [name, body] of bodies) expect({ name, body }).not.toHaveProperty('body.build')
    for (const [name, { siteImage, compose }] of Object.entries(definition.services)) {
      expect({ name, image: compose.image }).toEqual({ name, image: siteImage ? undefined : expect.any(String) })
    }
  })

  it('no image is another one tomorrow', () => {
    for (const [, { image }] of bodies) expect(image ?? ':1').toMatch(/:(?!latest$|alpine$)[\w.-]*\d/)
  })

  it('nothing waits by sleeping, or asks again and again by itself', () => {
    for (const [name, { command = [] }] of bodies) {
      expect({ name, waits: /\b(sleep|wait4|wait-for)/.test(command.join(' ')) }).toEqual({ name, waits: false })
    }
  })

  it('no health check fetches anything from elsewhere, or asks for nothing', () => {
    for (const [name, { healthcheck }] of bodies) {
      const test = healthcheck?.test.join(' ') ?? 'CMD x'
      expect({ name, test }).toEqual({
        name,
        test: expect.not.stringMatching(/apk |curl .*http(?!:\/\/127)|localhost/),
      })
      expect(healthcheck?.test[0] ?? 'CMD').toBe('CMD')
    }
  })

  it('a test that failed is told as failed: a job’s exit code is its client’s', () => {
    const jobs = bodies.filter(([name]) => definition.services[name]?.onDemand)
    expect(jobs.length).toBeGreaterThan(10)
    for (const [name, { command = [] }] of jobs) {
      const shell = command[0] === 'sh' ? command[2] : ''
      expect({ name, shell }).toEqual({ name, shell: expect.stringMatching(/^(exec [^|;&]*)?$/) })
    }
  })

  it('no file is needed that is not in the bundle, and no default password', () => {
    for (const [name, body] of bodies) {
      expect({ name, body }).not.toHaveProperty('body.env_file')
      const values = Object.entries(body.environment ?? {}).filter(([key]) => /PASSWORD|SECRET|TOKEN|PASS$/.test(key))
      expect({ name, open: values.filter(([key]) => !/_(FILE|URL)$/.test(key)) }).toEqual({ name, open: [] })
    }
  })

  it('no key or certificate is committed', () => {
    for (const path of files)
      expect({ path, key: /-----BEGIN/.test(readFileSync(path, 'utf8')) }).toEqual({ path, key: false })
  })

  it('no container, network or volume has a name that others on the host may have: only our own are ever taken away', () => {
    for (const [name, body] of bodies) expect({ name, body }).not.toHaveProperty('body.container_name')
  })

  it('no host is named that nothing of the profile answers to', () => {
    const unknown = [
      'transaction-request-service',
      'perf-sdk-common',
      'payee-sdk-scheme-adapter',
      'mock-management-svc',
    ]
    const text = files.map((path) => readFileSync(path, 'utf8')).join('\n')
    for (const host of unknown) expect(text).not.toMatch(new RegExp(`${host}:\\d`))
  })

  it('nothing runs as root that need not', () => {
    const roots = bodies.filter(([, { user }]) => user === undefined || /^(root|0)(:|$)/.test(user))
    expect([...new Set(roots.flatMap(([, { image }]) => image?.replace(/:.*/, '') ?? []))].toSorted()).toEqual([
      // Their entry points give up root themselves.
      'docker.io/apache/kafka',
      'docker.io/library/mongo',
      'docker.io/library/mysql',
      'docker.io/library/rabbitmq',
      'docker.io/library/redis',
      // Its volume is root’s; it has no capability to write elsewhere.
      'docker.io/minio/minio',
      // It reads other processes’ figures.
      'gcr.io/cadvisor/cadvisor',
    ])
  })
})

describe('the bundle’s spec', () => {
  it.each(names)('has every image of %s', (name) => {
    const spec = parse(readFileSync(new URL('bundle.yaml', FOLDER), 'utf8')) as { images: Record<string, string> }
    const carried = Object.values(spec.images)
    const wanted = profileOf(definition, name).services.flatMap(
      (service) => definition.services[service]?.compose.image ?? [],
    )
    expect(wanted.filter((image) => !carried.includes(image))).toEqual([])
  })
})
