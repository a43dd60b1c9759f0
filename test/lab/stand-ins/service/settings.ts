import { rc } from './mojaloop.ts'

/** A node-rdkafka consumer or producer, as the real services configure one: of it only these two are heeded. */
interface Client {
  config: { rdkafkaConf: { 'metadata.broker.list': string; 'group.id'?: string } }
}

type Verbs = Record<'POST' | 'PUT' | 'GET', Client>

/** What the stand-ins heed of the real services' configuration; same names, same places. */
export interface Settings {
  HUB_PARTICIPANT: { NAME: string }
  PORT: number
  API_PORT: number
  ADMIN_PORT: number
  MONITORING_PORT: number
  ENDPOINT_SOURCE_URL: string
  SWITCH_ENDPOINT: string
  ENDPOINT_CACHE_CONFIG: { expiresIn: number }
  CENTRAL_SHARED_ENDPOINT_CACHE_CONFIG: { expiresIn: number }
  DATABASE: { HOST: string; USER: string; PASSWORD: string; DATABASE: string }
  PROXY_CACHE: { proxyConfig: { host?: string; port?: number } }
  ENDPOINT_SECURITY: {
    JWS: {
      JWS_SIGN: boolean
      JWS_SIGNING_KEY_PATH: string
      JWS_VALIDATE: boolean
      JWS_VERIFICATION_KEYS_DIRECTORY: string
    }
  }
  KAFKA: {
    CONSUMER: { NOTIFICATION: { EVENT: Client }; QUOTE: Verbs; BULK_QUOTE: Verbs; FX_QUOTE: Verbs }
    PRODUCER: { TRANSFER: { PREPARE: Client; FULFIL: Client }; QUOTE: { POST: Client; PUT: Client } }
  }
}

const client = (group?: string): Client => ({
  config: { rdkafkaConf: { 'metadata.broker.list': 'localhost:9092', ...(group && { 'group.id': group }) } },
})

const verbs = (name: string): Verbs => ({
  POST: client(`group-${name}-handler-post`),
  PUT: client(`group-${name}-handler-put`),
  GET: client(`group-${name}-handler-get`),
})

/** The service's own rc file (`/etc/MLAPIrc` and so on) and environment over these defaults. */
export function readSettings(prefix: 'MLAPI' | 'ALS' | 'QUOTE' | 'ORACLE', port: number): Settings {
  const defaults: Settings = {
    HUB_PARTICIPANT: { NAME: 'Hub' },
    PORT: port,
    API_PORT: 4002,
    ADMIN_PORT: 4001,
    MONITORING_PORT: 3003,
    ENDPOINT_SOURCE_URL: 'http://localhost:3001',
    SWITCH_ENDPOINT: 'http://localhost:3001',
    ENDPOINT_CACHE_CONFIG: { expiresIn: 180_000 },
    CENTRAL_SHARED_ENDPOINT_CACHE_CONFIG: { expiresIn: 180_000 },
    DATABASE: { HOST: 'localhost', USER: 'account_lookup', PASSWORD: '', DATABASE: 'account_lookup' },
    PROXY_CACHE: { proxyConfig: {} },
    ENDPOINT_SECURITY: {
      JWS: {
        JWS_SIGN: false,
        JWS_SIGNING_KEY_PATH: 'secrets/jwsSigningKey.key',
        JWS_VALIDATE: false,
        JWS_VERIFICATION_KEYS_DIRECTORY: 'secrets/jwsVerificationKeys',
      },
    },
    KAFKA: {
      CONSUMER: {
        NOTIFICATION: { EVENT: client('ml-group-notification-event') },
        QUOTE: verbs('quotes'),
        BULK_QUOTE: verbs('bulk-quotes'),
        FX_QUOTE: verbs('fx-quotes'),
      },
      PRODUCER: {
        TRANSFER: { PREPARE: client(), FULFIL: client() },
        QUOTE: { POST: client(), PUT: client() },
      },
    },
  }
  return rc(prefix, defaults)
}
