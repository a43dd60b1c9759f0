import { describe, expect, it } from 'vitest'
import type { Endpoint, Surroundings } from '../../../agent/contract/node-answer.ts'
import { environmentOf, isShellName } from '../../../agent/development/environment.ts'
import { factsOf } from '../../../bundles/format/error.ts'
import { renderVariables } from '../../../installer/render/variables.ts'

const endpoint = (service: string, port: number, changes: Partial<Endpoint> = {}): Endpoint => ({
  service,
  port,
  nodeHost: '172.18.0.9',
  nodePort: port,
  fixed: false,
  ...changes,
})

const CONFIG = {
  DATABASE: { HOST: 'mysql', PASSWORD: 'hidden', SCHEMA: 'central_ledger' },
  PROXY_CACHE: { enabled: true, proxyConfig: { host: 'redis', port: 6379 } },
  MONGODB: { HOST: 'objstore', PORT: 27017 },
  SWITCH: 'http://central-ledger:3001/participants',
  KAFKA: { CONSUMER: { rdkafkaConf: { 'metadata.broker.list': 'kafka:9092' } } },
  HOSTNAME: 'http://example.org:3001',
}

const surroundings = (changes: Partial<Surroundings> = {}): Surroundings => ({
  type: 'surroundings',
  endpoints: [
    endpoint('mysql', 3306),
    endpoint('redis', 6379),
    endpoint('kafka', 19092, { nodeHost: '127.0.0.1', fixed: true }),
    endpoint('central-ledger', 3001, { nodeHost: '127.0.0.1' }),
  ],
  logins: [{ service: 'mysql', user: 'central_ledger', password: 'hidden', database: 'central_ledger' }],
  service: {
    name: 'central-ledger',
    image: 'docker.io/mojaloop/central-ledger:v19.5.5',
    config: JSON.stringify(CONFIG),
  },
  ...changes,
})

/** As over relays: every port another one of the desk's loopback, Kafka's its own. */
const relayed = ({ port, fixed }: Endpoint) => ({ host: '127.0.0.1', port: fixed ? port : port + 10_000 })

describe('environmentOf a service', () => {
  const { variables, config } = environmentOf(surroundings(), relayed)

  it('names where each backing service is reached, the port too where the configuration leaves it out', () => {
    expect(variables).toMatchObject({
      CLEDG_DATABASE__HOST: '127.0.0.1',
      CLEDG_DATABASE__PORT: '13306',
      CLEDG_DATABASE__PASSWORD: 'hidden',
      CLEDG_PROXY_CACHE__proxyConfig__host: '127.0.0.1',
      CLEDG_PROXY_CACHE__proxyConfig__port: '16379',
    })
  })

  it('sends Kafka’s clients to its listener for outside, whatever port the inside one has', () => {
    expect(variables['CLEDG_KAFKA__CONSUMER__rdkafkaConf__metadata.broker.list']).toBe('127.0.0.1:19092')
  })

  it('replaces addresses inside URLs, and leaves what is no service of the hub', () => {
    expect(variables.CLEDG_SWITCH).toBe('http://127.0.0.1:13001/participants')
    expect(variables.CLEDG_HOSTNAME).toBe('http://example.org:3001')
    expect(variables.CLEDG_MONGODB__HOST).toBe('objstore')
  })

  it('has the whole configuration for the file that a shell needs for names with dots', () => {
    expect(config?.variable).toBe('CLEDG_config')
    expect(JSON.parse(config?.content ?? '')).toMatchObject({
      DATABASE: { HOST: '127.0.0.1', PORT: 13306, SCHEMA: 'central_ledger' },
      KAFKA: { CONSUMER: { rdkafkaConf: { 'metadata.broker.list': '127.0.0.1:19092' } } },
    })
  })

  it('refuses a service whose configuration it does not know, and says what there is', () => {
    const service = { name: 'mysql', image: 'docker.io/library/mysql:8.0', config: null }
    const failing = () => environmentOf(surroundings({ service }), relayed)
    expect(failing).toThrow(/not known/)
    try {
      failing()
    } catch (error) {
      expect(factsOf(error)).toMatchObject({ code: 'service-config', next: expect.stringContaining('mojabox env') })
    }
  })
})

describe('environmentOf anything', () => {
  it('names addresses and logins of all backing services, and URLs of published APIs', () => {
    const { variables } = environmentOf(surroundings({ service: null }), relayed)
    expect(variables).toEqual({
      MYSQL_HOST: '127.0.0.1',
      MYSQL_PORT: '13306',
      MYSQL_USER: 'central_ledger',
      MYSQL_PASSWORD: 'hidden',
      MYSQL_DATABASE: 'central_ledger',
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: '16379',
      KAFKA_BROKERS: '127.0.0.1:19092',
      CENTRAL_LEDGER_URL: 'http://127.0.0.1:13001',
    })
  })
})

describe('renderVariables', () => {
  const variables = { B: "it's $HOME", A: '1', 'C.d': 'x' }

  it('quotes for a shell, and leaves out names that a shell cannot hold', () => {
    expect(renderVariables('shell', variables)).toBe("export A=1\nexport B='it'\\''s $HOME'\n")
    expect(isShellName('C.d')).toBe(false)
  })

  it('gives dotenv every name', () => {
    expect(renderVariables('dotenv', variables)).toBe('A=1\nB="it\'s $HOME"\nC.d=x\n')
  })

  it('gives JSON every name, sorted', () => {
    expect(JSON.parse(renderVariables('json', variables))).toEqual(variables)
  })
})
