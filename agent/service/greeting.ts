import { MojaboxError } from '../../bundles/format/error.ts'
import { type DeskMessage, PROTOCOL_VERSION } from '../contract/channel.ts'
import { WorkOrder } from '../contract/work-order.ts'

/** A desk's first word, understood. */
export interface Hello {
  order: WorkOrder
  /** The desk's clock when it said so, ISO 8601. */
  deskTime: string
}

/**
 * Reads a desk's first word.
 * @throws MojaboxError `other-version` when the desk speaks another protocol, or tells no time that there is
 */
export function readHello(message: DeskMessage): Hello {
  if (message.type !== 'hello') throw otherVersion(`a desk that begins with ${message.type}`)
  if (message.protocol !== PROTOCOL_VERSION) throw otherVersion(`protocol ${message.protocol} at the desk`)
  const { data: order } = WorkOrder.safeParse(message.order)
  if (!order) throw otherVersion('an order that this version does not understand')
  // Compared with no time at all, any clock would do.
  if (Number.isNaN(Date.parse(message.deskTime))) throw otherVersion('a desk that does not say how late it is')
  return { order, deskTime: message.deskTime }
}

function otherVersion(found: string): MojaboxError {
  return new MojaboxError({
    code: 'other-version',
    kind: 'check',
    message: 'this node runs another version of mojabox',
    found,
    needed: `protocol ${PROTOCOL_VERSION}`,
    next: 'use the mojabox of that version, here or on the node itself (`mojabox status` there), or install again with this one',
  })
}
