import type { Definition } from '../../../agent/deployments/core-test-harness/definition.ts'
import type { Tree } from '../../../agent/deployments/core-test-harness/layers.ts'

const KEYS = '/etc/keys'

/** The services that answer DFSPs, with the files in which the shipped ones are told of the keys. */
const SIGNING_SERVICES: Readonly<Record<string, string>> = {
  'ml-api-adapter': 'ml-api-adapter.json',
  'ml-api-adapter-handler-notification': 'ml-api-adapter.json',
  'account-lookup-service': 'account-lookup-service.json',
  'account-lookup-service-admin': 'account-lookup-service.json',
  'quoting-service': 'quoting-service.json',
  'quoting-service-handler': 'quoting-service.json',
}

/** A profile of all that answers DFSPs, and of what that needs. */
export function dfspProfile({ transfer }: Definition['profiles']): Definition['profiles'][string] {
  if (!transfer) throw new Error('no profile transfer')
  return { ...transfer, services: [], includes: ['transfer', 'agreement', 'discovery'] }
}

/** A configuration file as it is where messages are signed. */
export function signing(path: string, text: string): string {
  if (!Object.values(SIGNING_SERVICES).includes(path)) return text
  const JWS = {
    JWS_SIGN: true,
    JWS_SIGNING_KEY_PATH: `${KEYS}/private/Hub.key`,
    JWS_VALIDATE: true,
    JWS_VERIFICATION_KEYS_DIRECTORY: KEYS,
  }
  return JSON.stringify({ ...JSON.parse(text), ENDPOINT_SECURITY: { JWS } })
}

/** Laid over the shipped Compose file: the keys, and Mojaloop's own adapter, started only where a test asks for it. */
export function signingLayer(registry: string, folder: string): Tree {
  const keys = [`${folder}/keys:${KEYS}:ro`]
  const services = Object.keys(SIGNING_SERVICES).map((name) => [name, { volumes: keys }])
  const adapter = sdkAdapter(`${registry}/mojaloop/sdk-scheme-adapter:v18.0.2`, keys)
  return { services: { ...Object.fromEntries(services), ...adapter } }
}

/** The payee's DFSP as Mojaloop's own adapter plays it. */
function sdkAdapter(image: string, volumes: string[]): Record<string, object> {
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
    'sdk-scheme-adapter': { ...common, environment, volumes },
  }
}
