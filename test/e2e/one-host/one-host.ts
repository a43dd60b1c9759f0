import type { LabNode } from '../../lab/nodes.ts'
import type { Snapshot } from '../../lab/snapshot.ts'
import type { Desk } from '../support/desk.ts'

/** What the chapters of one host's life share; filled before the first. */
export interface OneHost {
  desk: Desk
  host: LabNode
  /** How the host looked when it came. */
  before: Snapshot
  /** How mojabox is told of the host. */
  flags: string[]
  /** Set once the hub stands: without it nothing later can be tested. */
  installed: boolean
}
