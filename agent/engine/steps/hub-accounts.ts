import type { StepContext, StepHandler } from '../../contract/step.ts'
import { HUB } from '../../deployments/core-test-harness/definition.ts'
import { isUnreachable, openLedgerApi } from '../../deployments/core-test-harness/ledger-api.ts'

export interface HubAccountsParams {
  /** central-ledger's admin API. */
  url: string
  currency: string
  accounts: string[]
}

/** The Hub's own accounts, which central-ledger wants before anything else in a currency. */
export const hubAccounts: StepHandler<HubAccountsParams> = {
  describe: (params) => `Hub accounts in ${params.currency}`,

  isDone: async (context, params) => (await missing(context, params).catch(allIfUnreachable(params))).length === 0,

  async apply(context, params) {
    const api = openLedgerApi({ url: params.url, signal: context.signal })
    for (const type of await missing(context, params)) await api.createHubAccount(type, params.currency)
  },
}

async function missing(context: StepContext, params: HubAccountsParams): Promise<string[]> {
  const present = await openLedgerApi({ url: params.url, signal: context.signal }).accounts(HUB)
  return params.accounts.filter(
    (type) => !present.some((account) => account.type === type && account.currency === params.currency),
  )
}

function allIfUnreachable(params: HubAccountsParams): (error: unknown) => string[] {
  return (error) => {
    if (isUnreachable(error)) return params.accounts
    throw error
  }
}
