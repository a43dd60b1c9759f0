/** How clients reach a service that keeps the hub's data or carries its messages. */
export interface Backing {
  kind: 'mysql' | 'kafka' | 'redis' | 'mongo'
  /** Inside its container, for clients outside of the hub's network. */
  port: number
}

const redis: Backing = { kind: 'redis', port: 6379 }

/** The harness's backing services, by their names in Compose. */
export const BACKING: Readonly<Record<string, Backing>> = {
  mysql: { kind: 'mysql', port: 3306 },
  // The listener whose advertised address is the node's loopback.
  kafka: { kind: 'kafka', port: 19092 },
  objstore: { kind: 'mongo', port: 27017 },
  redis,
  // Of DFSPs' adapters, each its own.
  'payerfsp-redis': redis,
  'payeefsp-redis': redis,
  'testfsp1-redis': redis,
  'testfsp2-redis': redis,
  'testfsp3-redis': redis,
  'testfsp4-redis': redis,
  'fx-provider1-redis': redis,
  'fx-payerdfsp-redis': redis,
  'fx-payeedfsp-redis': redis,
  'security-payer-redis': redis,
  'security-payee-redis': redis,
}

/** What mojabox knows of a service that is made from a checkout. */
export interface Source {
  /** Names that its package.json may have. */
  packages: readonly string[]
  /** What it calls itself for `rc`: its variables begin with this, and `/etc/<rc>rc` is its file; undefined without rc. */
  rc: string | undefined
}

/** By the image's repository, without registry: several services run one image. */
export const SOURCES_BY_IMAGE: Readonly<Record<string, Source>> = {
  'mojaloop/central-ledger': { packages: ['@mojaloop/central-ledger', 'central-ledger'], rc: 'CLEDG' },
  'mojaloop/ml-api-adapter': { packages: ['@mojaloop/ml-api-adapter', 'ml-api-adapter'], rc: 'MLAPI' },
  'mojaloop/account-lookup-service': {
    packages: ['@mojaloop/account-lookup-service', 'account-lookup-service'],
    rc: 'ALS',
  },
  'mojaloop/quoting-service': { packages: ['@mojaloop/quoting-service', 'quoting-service'], rc: 'QUOTE' },
  'mojaloop/central-settlement': { packages: ['@mojaloop/central-settlement', 'central-settlement'], rc: 'CSET' },
  'mojaloop/als-msisdn-oracle-svc': {
    packages: ['@mojaloop/als-msisdn-oracle-svc', 'als-msisdn-oracle-svc'],
    // convict, not rc.
    rc: undefined,
  },
  'mojaloop/sdk-scheme-adapter': { packages: ['@mojaloop/sdk-scheme-adapter', 'sdk-scheme-adapter'], rc: undefined },
  'mojaloop/ml-testing-toolkit': { packages: ['ml-testing-toolkit', '@mojaloop/ml-testing-toolkit'], rc: 'TTK' },
  'mojaloop/simulator': { packages: ['@mojaloop/simulator', 'simulator'], rc: undefined },
}

/** The source of an image; a checkout in a service's place goes by the image that it replaces. */
export function sourceOf(image: string): Source | undefined {
  const repository = image.replace(/@.*$/, '').replace(/:[^/:]*$/, '')
  return SOURCES_BY_IMAGE[repository.split('/').slice(-2).join('/')]
}
