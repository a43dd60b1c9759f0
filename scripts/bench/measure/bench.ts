import type { KeyPair } from '../../../test/lab/ssh-keys.ts'
import type { Figure } from './figure.ts'

/** What every group of figures is measured with. */
export interface Bench {
  executable: string
  bundle: string
  /** For whatever a group writes; gone afterwards. */
  folder: string
  key: KeyPair
  /** Progress, to stderr. */
  say: (line: string) => void
}

export interface Group {
  /** Besides the executable: the lab's hosts and its bundle. */
  needsLab: boolean
  measure: (bench: Bench) => Promise<Figure[]>
}
