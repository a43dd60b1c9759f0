import type { StepContext, StepHandler } from '../../contract/step.ts'
import type { SettlementModel } from '../../deployments/core-test-harness/definition.ts'
import { isUnreachable, openLedgerApi } from '../../deployments/core-test-harness/ledger-api.ts'

export interface SettlementModelParams {
  /** central-ledger's admin API. */
  url: string
  currency: string
  /** Its name may hold `{{currency}}`. */
  model: SettlementModel
}

/** How a currency is settled; central-ledger opens no DFSP's accounts without it. A model that is there stays as it is. */
export const settlementModel: StepHandler<SettlementModelParams> = {
  describe: (params) => `settlement model ${nameOf(params)}`,

  isDone: (context, params) => isThere(context, params).catch(falseIfUnreachable),

  async apply(context, params) {
    if (await isThere(context, params)) return
    const model = { ...params.model, name: nameOf(params) }
    await openLedgerApi({ url: params.url, signal: context.signal }).createSettlementModel(model, params.currency)
  },
}

function nameOf(params: SettlementModelParams): string {
  return params.model.name.replaceAll('{{currency}}', params.currency)
}

async function isThere(context: StepContext, params: SettlementModelParams): Promise<boolean> {
  const names = await openLedgerApi({ url: params.url, signal: context.signal }).settlementModels()
  return names.includes(nameOf(params))
}

function falseIfUnreachable(error: unknown): false {
  if (isUnreachable(error)) return false
  throw error
}
