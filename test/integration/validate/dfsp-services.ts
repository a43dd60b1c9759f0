import type { Profile } from '../../../agent/deployments/core-test-harness/definition.ts'
import type { Fspiop } from '../../../agent/validate/fspiop/wiring.ts'

/** Images of the services that answer DFSPs, by the name under which upstream publishes them. */
const IMAGES = {
  adapter: 'mojaloop/ml-api-adapter:v16.5.3',
  lookup: 'mojaloop/account-lookup-service:v17.10.2',
  quoting: 'mojaloop/quoting-service:v17.10.2',
  oracle: 'mojaloop/als-msisdn-oracle-svc:v0.0.21',
  sdk: 'mojaloop/sdk-scheme-adapter:v18.0.2',
}

const BROKER = { config: { rdkafkaConf: { 'metadata.broker.list': 'kafka:9092' } } }
const PROXY_CACHE = { enabled: true, type: 'redis', proxyConfig: { host: 'redis', port: 6379 } }
const KEYS = '/etc/keys'
const JWS = {
  JWS_SIGN: true,
  JWS_SIGNING_KEY_PATH: `${KEYS}/private/Hub.key`,
  JWS_VALIDATE: true,
  JWS_VERIFICATION_KEYS_DIRECTORY: KEYS,
}
const QUIET = {
  INSTRUMENTATION: { METRICS: { DISABLED: true } },
  PAYLOAD_CACHE: { enabled: false },
  PROXY_CACHE,
  ENDPOINT_SECURITY: { JWS },
}
const LEDGER = 'http://central-ledger:3001'

/** What each service lays over its own defaults, by the name of its file in `/etc`. */
export const RC_FILES: Readonly<Record<string, object>> = {
  MLAPIrc: {
    ...QUIET,
    ENDPOINT_SOURCE_URL: LEDGER,
    ENDPOINT_HEALTH_URL: `${LEDGER}/health`,
    ENDPOINT_CACHE_CONFIG: { expiresIn: 5000 },
    HANDLERS: { DISABLED: true },
    KAFKA: {
      CONSUMER: { NOTIFICATION: { EVENT: BROKER } },
      PRODUCER: { TRANSFER: { PREPARE: BROKER, FULFIL: BROKER, GET: BROKER } },
    },
  },
  ALSrc: {
    ...QUIET,
    SWITCH_ENDPOINT: LEDGER,
    CENTRAL_SHARED_ENDPOINT_CACHE_CONFIG: { expiresIn: 5000 },
    RUN_MIGRATIONS: false,
  },
  QUOTErc: {
    ...QUIET,
    SWITCH_ENDPOINT: LEDGER,
    KAFKA: {
      CONSUMER: { QUOTE: { POST: BROKER, PUT: BROKER } },
      PRODUCER: { QUOTE: { POST: BROKER, PUT: BROKER } },
    },
  },
}

interface Service {
  image: keyof typeof IMAGES
  rc?: string
  command: string[]
  port: number
}

const SERVICES: Readonly<Record<string, Service>> = {
  'ml-api-adapter': { image: 'adapter', rc: 'MLAPIrc', command: ['src/api/index.js'], port: 3000 },
  'ml-api-adapter-handlers': {
    image: 'adapter',
    rc: 'MLAPIrc',
    command: ['src/handlers/index.js', 'handler', '--notification'],
    port: 3000,
  },
  'account-lookup-service': { image: 'lookup', rc: 'ALSrc', command: ['src/index.js', 'server', '--api'], port: 4002 },
  'account-lookup-admin': { image: 'lookup', rc: 'ALSrc', command: ['src/index.js', 'server', '--admin'], port: 4001 },
  'quoting-service': { image: 'quoting', rc: 'QUOTErc', command: ['src/index.js'], port: 3002 },
  'quoting-service-handlers': {
    image: 'quoting',
    rc: 'QUOTErc',
    command: ['src/handlers/index.js', 'handler', '--quotes'],
    port: 3003,
  },
  'als-msisdn-oracle': { image: 'oracle', command: ['dist/src/cli.js'], port: 3000 },
}

/** A Compose file to lay over the shipped one: the services that answer DFSPs, beside those of profile `central-ledger`. */
export function dfspCompose(registry: string, folder: string): object {
  const services = Object.entries(SERVICES).map(([name, { image, rc, command, port }]) => [
    name,
    {
      image: `${registry}/${IMAGES[image]}`,
      profiles: ['central-ledger'],
      init: true,
      command: ['node', ...command],
      ...(rc && { volumes: [`${folder}/${rc}:/etc/${rc}:ro`, `${folder}/keys:${KEYS}:ro`] }),
      healthcheck: {
        test: ['CMD', 'wget', '-q', '-O', '/dev/null', `http://127.0.0.1:${port}/health`],
        interval: '1s',
        timeout: '20s',
        retries: 60,
      },
      depends_on: { 'central-ledger': { condition: 'service_healthy' } },
    },
  ])
  const adapter = sdkAdapter(`${registry}/${IMAGES.sdk}`, folder)
  return { services: { ...Object.fromEntries(services), ...adapter } }
}

/** The payee's DFSP as Mojaloop's own adapter plays it: started only where a test asks for it. */
function sdkAdapter(image: string, folder: string): Record<string, object> {
  const versions = ['participants', 'parties', 'quotes', 'transfers'].map((resource) => `${resource}=1.1`)
  const environment = {
    DFSP_ID: 'mojaboxpayee',
    BACKEND_ENDPOINT: 'sdk-backend:3000',
    PEER_ENDPOINT: 'ml-api-adapter:3000',
    ALS_ENDPOINT: 'account-lookup-service:4002',
    QUOTES_ENDPOINT: 'quoting-service:3002',
    TRANSFERS_ENDPOINT: 'ml-api-adapter:3000',
    CACHE_URL: 'redis://redis:6379',
    ALLOW_DIFFERENT_TRANSFER_TRANSACTION_ID: 'true',
    RESOURCE_VERSIONS: versions.join(','),
    JWS_SIGN: 'true',
    JWS_SIGN_PUT_PARTIES: 'true',
    JWS_SIGNING_KEY_PATH: `${KEYS}/private/mojaboxpayee.key`,
    VALIDATE_INBOUND_JWS: 'true',
    JWS_VERIFICATION_KEYS_DIRECTORY: KEYS,
  }
  const common = { image, profiles: ['sdk'], init: true }
  return {
    'sdk-backend': { ...common, command: ['node', 'backend.js'] },
    'sdk-scheme-adapter': { ...common, environment, volumes: [`${folder}/keys:${KEYS}:ro`] },
  }
}

/** That profile with all of it. */
export function withDfspServices(profile: Profile): Profile & { fspiop: Fspiop } {
  const at = (service: string) => ({ service, port: SERVICES[service]?.port ?? 0 })
  const quotes = ['post', 'put'] as const
  return {
    ...profile,
    services: [...profile.services, ...Object.keys(SERVICES)],
    topics: { ...profile.topics, ...Object.fromEntries(quotes.map((verb) => [`topic-quotes-${verb}`, 1])) },
    consumerGroups: [
      ...profile.consumerGroups,
      { group: 'ml-group-notification-event', topic: 'topic-notification-event', service: 'ml-api-adapter-handlers' },
      ...quotes.map((verb) => ({
        group: `group-quotes-handler-${verb}`,
        topic: `topic-quotes-${verb}`,
        service: 'quoting-service-handlers',
      })),
    ],
    health: [...profile.health, ...Object.keys(SERVICES).map((name) => ({ ...at(name), path: '/health' }))],
    fspiop: {
      transfers: at('ml-api-adapter'),
      quotes: at('quoting-service'),
      parties: at('account-lookup-service'),
      partiesAdmin: at('account-lookup-admin'),
      oracle: { service: 'als-msisdn-oracle', url: 'http://als-msisdn-oracle:3000' },
      callbacksPort: 'callbacks',
      jws: true,
    },
  }
}
