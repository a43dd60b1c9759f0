import { WorkOrder } from '../../../agent/contract/work-order.ts'
import { digestOf } from '../../../bundles/format/digest.ts'

export const BUNDLE = digestOf('a bundle')

/** An order for one host, all of it as a site without wishes would have it. */
export function orderOf(changes: Partial<WorkOrder> = {}): WorkOrder {
  return WorkOrder.parse({
    version: 1,
    run: 'run-1',
    verb: 'install',
    site: 'kigali',
    host: 'n1',
    deployment: 'core-test-harness',
    profile: 'central-ledger',
    bundle: BUNDLE,
    settings: {},
    skipChecks: [],
    deleteData: false,
    levels: ['services'],
    desk: 'ops@laptop',
    ...changes,
  })
}
