import type { Draft } from './draft.ts'
import { offersOf } from './offers.ts'
import type { Deed, StepId, World } from './step.ts'

/** The hosts are named: they are reached, and what bundles there are decides what is asked next. */
export function afterHosts({ where }: Draft): { deeds: Deed[]; next: StepId } {
  const reach: Deed = where === 'here' ? { kind: 'reach' } : { kind: 'reach', trouble: 'unreached' }
  return { deeds: [reach, { kind: 'search' }], next: 'purpose' }
}

/** Once profile and bundle are known: who is trusted is asked unless it was answered, then the hosts are checked. */
export function afterBundle({ trust, allowUnsigned }: Draft): { deeds: readonly Deed[]; next: StepId } {
  return trust.length > 0 || allowUnsigned ? CHECK : { deeds: [], next: 'signer' }
}

/** An answer to one bundle is none to another. Of a delta, its base is taken where that was found too. */
export function withBundle(draft: Draft, bundle: string, { search }: World): Draft {
  const chosen = search.bundles.find(({ path }) => path === bundle)
  const base = chosen?.baseDigest && search.bundles.find(({ digest }) => digest === chosen.baseDigest)?.path
  const same = draft.bundle === bundle
  return { ...draft, bundle, base: base ?? (same ? draft.base : undefined), allowUnsigned: same && draft.allowUnsigned }
}

/** The hosts are checked. */
export const CHECK: { deeds: Deed[]; next: StepId } = {
  deeds: [{ kind: 'plan', trouble: 'unready' }],
  next: 'confirm',
}

/** Whether the bundle of the answers carries their profile. */
export function bundleServes({ bundle, profile }: Draft, world: World): boolean {
  const found = world.search.bundles.find(({ path }) => path === bundle)
  return found?.profiles.some(({ name }) => name === profile) ?? false
}

/** Without a bundle nothing else can be asked. */
export function mustNameBundle(world: World): boolean {
  return offersOf(world).length === 0
}
