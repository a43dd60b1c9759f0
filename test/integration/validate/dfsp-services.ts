import type { Definition } from '../../../agent/deployments/core-test-harness/definition.ts'
import type { Tree } from '../../../agent/deployments/core-test-harness/layers.ts'

const KEYS = '/etc/keys'

/** The services that answer DFSPs, with the files in which the shipped ones are told of the keys. */
const CHECKING_SERVICES: Readonly<Record<string, string>> = {
  'ml-api-adapter': 'ml-api-adapter.json',
  'ml-api-adapter-handler-notification': 'ml-api-adapter.json',
  'account-lookup-service': 'account-lookup-service.json',
  'quoting-service': 'quoting-service.json',
  'quoting-service-handler': 'quoting-service.json',
}

/** A profile of all that answers DFSPs, and of what that needs. */
export function dfspProfile({ transfer }: Definition['profiles']): Definition['profiles'][string] {
  if (!transfer) throw new Error('no profile transfer')
  return { ...transfer, services: [], includes: ['transfer', 'agreement', 'discovery'] }
}

/** A configuration file as it is where the hub also checks signatures: the stand-ins do, what they stand in for does not. */
export function checking(path: string, text: string): string {
  if (!Object.values(CHECKING_SERVICES).includes(path)) return text
  const shipped = JSON.parse(text)
  const JWS = { ...shipped.ENDPOINT_SECURITY.JWS, JWS_VALIDATE: true, JWS_VERIFICATION_KEYS_DIRECTORY: KEYS }
  return JSON.stringify({ ...shipped, ENDPOINT_SECURITY: { JWS } })
}

/** Laid over the shipped Compose file: the keys, and Mojaloop's own adapter, started only where a test asks for it. */
export function keysLayer(registry: string, folder: string): Tree {
  const keys = [`${folder}/keys:${KEYS}:ro`]
  const services = Object.keys(CHECKING_SERVICES).map((name) => [name, { volumes: keys }])
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
