import type { LabImage } from './image.ts'
import { centralLedgerImage } from './ledger/central-ledger-image.ts'
import { mysqlImage, redisImage } from './ledger/debian-images.ts'
import { kafkaImage } from './ledger/kafka-image.ts'
import { sdkSchemeAdapterImage } from './sdk-scheme-adapter-image.ts'
import { standInsImage } from './stand-ins-image.ts'

export interface ServedImage {
  image: LabImage
  /** The repository and tag under which upstream publishes what this image is or stands in for. */
  repository: string
  tag: string
}

/** What the lab's registry serves: the images that a central-ledger deployment names. */
export const ledgerImages: readonly ServedImage[] = [
  { image: centralLedgerImage, repository: 'mojaloop/central-ledger', tag: 'v19.5.5' },
  { image: kafkaImage, repository: 'apache/kafka', tag: '4.1.2' },
  { image: mysqlImage, repository: 'library/mysql', tag: '8.0' },
  { image: redisImage, repository: 'library/redis', tag: '8.0' },
  { image: standInsImage, repository: 'mojaloop/ml-api-adapter', tag: 'v16.5.3' },
  { image: standInsImage, repository: 'mojaloop/account-lookup-service', tag: 'v17.10.2' },
  { image: standInsImage, repository: 'mojaloop/quoting-service', tag: 'v17.10.2' },
  { image: standInsImage, repository: 'mojaloop/als-msisdn-oracle-svc', tag: 'v0.0.21' },
  { image: sdkSchemeAdapterImage, repository: 'mojaloop/sdk-scheme-adapter', tag: 'v18.0.2' },
]
