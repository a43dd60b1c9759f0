import type { NodeSuite } from '../../../test/lab/node-image.ts'
import type { Compression } from '../image-set/bundle.ts'

/** What the node runs images with. */
export interface Runtime {
  name: string
  /** Of its figures' ids. */
  suffix: string
  suite: NodeSuite
  /** Docker's daemon.json; its own defaults without. */
  daemon?: Record<string, unknown>
  /** How the layers of the bundle that counts are compressed; the other one is measured beside it. */
  compression: Compression
  /** Why this one counts. */
  because: string
  /** Measured in full; the others with fewer rounds where that saves minutes and says as much. */
  isMain: boolean
}

/** What `--suites` chooses from. */
export const RUNTIMES: readonly Runtime[] = [
  {
    name: '26',
    suffix: '',
    suite: 'trixie',
    compression: 'zstd',
    because: 'zstd: fewer bytes, unpacked sooner, the same image IDs',
    isMain: true,
  },
  {
    name: 'd20',
    suffix: '.d20',
    suite: 'bookworm',
    compression: 'gzip',
    because: 'gzip: this Docker reads no zstd, and to hand out plain tars takes room',
    isMain: false,
  },
  {
    name: 'containerd',
    suffix: '.containerd',
    suite: 'trixie',
    daemon: { features: { 'containerd-snapshotter': true } },
    compression: 'gzip',
    because: 'gzip: this store names an image by its manifest, so that compressed anew it would be another one',
    isMain: false,
  },
]
