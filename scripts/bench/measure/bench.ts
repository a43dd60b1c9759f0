import type { KeyPair } from '../../../test/lab/ssh-keys.ts'
import type { Choice } from './choice.ts'
import type { Figure } from './figure.ts'

/** What every group of figures is measured with. */
export interface Bench {
  executable: string
  bundle: string
  /** The default of `mojabox install` without it. */
  profile?: string
  /** For whatever a group writes; gone afterwards. */
  folder: string
  key: KeyPair
  choice: Choice
  /** Progress, to stderr. */
  say: (line: string) => void
}

export interface Group {
  /** Besides the executable: the lab's hosts and its bundle. */
  needsLab: boolean
  /** The lab's eight images too, and a bundle of them. */
  needsImageSet?: boolean
  measure: (bench: Bench) => Promise<Figure[]>
}
