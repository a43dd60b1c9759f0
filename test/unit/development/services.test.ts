import { describe, expect, it } from 'vitest'
import { listServices, requireRunning, requireService, type Service } from '../../../agent/development/services.ts'
import { endpointsOf } from '../../../agent/development/surroundings.ts'
import { factsOf } from '../../../bundles/format/error.ts'

const inspected = (name: string, more: object = {}) => ({
  Id: `id-of-${name}`,
  Name: `/mojabox-${name}-1`,
  State: { Status: 'running' },
  Config: {
    Image: `docker.io/library/${name}:1`,
    User: '10001:10001',
    Env: ['A=b=c'],
    Labels: { 'com.docker.compose.service': name },
  },
  Mounts: [{ Type: 'bind', Source: '/var/lib/x', Destination: '/etc/CLEDGrc' }],
  NetworkSettings: { Networks: { mojabox: { IPAddress: '172.18.0.2' } }, Ports: {} },
  ...more,
})

const services = (...containers: object[]) =>
  listServices(async (argv) => {
    const stdout = argv[1] === 'ps' ? containers.map((_, index) => index).join('\n') : JSON.stringify(containers)
    return { code: 0, stdout, stderr: '' }
  })

const codeOf = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    return factsOf(error)
  }
  throw new Error('nothing was thrown')
}

describe('the hub’s services', () => {
  it('are told with address, environment and mounts, by name', async () => {
    const [kafka, mysql] = await services(inspected('mysql'), inspected('kafka'))
    expect(kafka).toMatchObject({
      name: 'kafka',
      address: '172.18.0.2',
      environment: { A: 'b=c' },
      user: '10001:10001',
    })
    expect(mysql?.mounts.get('/etc/CLEDGrc')).toBe('/var/lib/x')
  })

  it('are asked for by name: a mistyped one gets the nearest names', async () => {
    const all = await services(inspected('kafka'), inspected('mysql'))
    expect(requireService(all, 'mysql').name).toBe('mysql')
    expect(codeOf(() => requireService(all, 'kafak'))).toMatchObject({
      code: 'service-unknown',
      kind: 'usage',
      found: 'kafak',
      needed: 'one of kafka, mysql',
      next: expect.stringContaining('kafka'),
    })
  })

  it('must run before a command can run in them', async () => {
    const [stopped] = await services(inspected('redis', { State: { Status: 'exited' } }))
    expect(codeOf(() => requireRunning(stopped as Service))).toMatchObject({
      code: 'service-not-running',
      found: 'exited',
    })
  })
})

describe('endpointsOf', () => {
  const published = (port: number) => ({
    Networks: { n: { IPAddress: '172.18.0.5' } },
    Ports: { [`${port}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: '4000' }] },
  })

  it('takes the loopback for what is published, the container’s own address for a backing service that is not', async () => {
    const [plain] = await services(inspected('mysql'))
    expect(endpointsOf(plain as Service)).toEqual([
      { service: 'mysql', port: 3306, nodeHost: '172.18.0.2', nodePort: 3306, fixed: false },
    ])
    const [open] = await services(inspected('mysql', { NetworkSettings: published(3306) }))
    expect(endpointsOf(open as Service)).toMatchObject([{ nodeHost: '127.0.0.1', nodePort: 4000 }])
  })

  it('holds Kafka’s port fixed, as its clients are told to come back to it', async () => {
    const [kafka] = await services(inspected('kafka', { NetworkSettings: published(19092) }))
    expect(endpointsOf(kafka as Service)).toMatchObject([{ port: 19092, nodePort: 4000, fixed: true }])
  })

  it('has nothing for a service that neither is published nor keeps data', async () => {
    const [other] = await services(inspected('central-ledger-handlers'))
    expect(endpointsOf(other as Service)).toEqual([])
  })
})
