import type { Database, Provisioning, Reached } from '../deployments/core-test-harness/definition.ts'
import type { ValidateContext } from './context.ts'

/** What a validation stands on that moves money. */
export interface Ground {
  /** The ledger's admin API. */
  api: Reached
  provisioning: Provisioning
  /** The ledger's own schema. */
  database: Database
}

/** Undefined where the profile has no ledger. */
export function groundOf({ profile }: Pick<ValidateContext, 'profile'>): Ground | undefined {
  const { ledger: api, provisioning, databases } = profile
  const [database] = databases
  return api && provisioning && database && { api, provisioning, database }
}
