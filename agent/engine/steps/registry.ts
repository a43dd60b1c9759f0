import type { StepHandler } from '../../contract/step.ts'
import { certificate } from './certificate.ts'
import { compose } from './compose.ts'
import { file } from './file.ts'
import { folder } from './folder.ts'
import { hubAccounts } from './hub-accounts.ts'
import { images } from './images.ts'
import { keyPair } from './key-pair.ts'
import { link } from './link.ts'
import { packages } from './packages.ts'
import { participant } from './participant.ts'
import { secret } from './secret.ts'
import { settlementModel } from './settlement-model.ts'
import { store } from './store.ts'
import { topics } from './topics.ts'
import { unit } from './unit.ts'
import { user } from './user.ts'

/** Every kind of step, by the name of its file. */
export const STEP_HANDLERS = {
  certificate,
  compose,
  file,
  folder,
  'hub-accounts': hubAccounts,
  images,
  'key-pair': keyPair,
  link,
  packages,
  participant,
  secret,
  'settlement-model': settlementModel,
  store,
  topics,
  unit,
  user,
} as const

export type StepKind = keyof typeof STEP_HANDLERS

/** @throws when a journal of another version names a kind that this one lacks */
export function handlerOf(kind: string): StepHandler<unknown> {
  const handler = (STEP_HANDLERS as Record<string, unknown>)[kind]
  if (!handler) throw new Error(`no such step kind: ${kind}`)
  return handler as StepHandler<unknown>
}
