import { MojaboxError } from '../../bundles/format/error.ts'
import { nearestNames } from '../../bundles/format/nearest.ts'
import type { CheckResult } from '../contract/check.ts'
import type { Facts } from '../contract/facts.ts'
import { CHECKS } from './registry.ts'
import type { Requirements } from './requirements.ts'

/**
 * Every check's finding, in the registry's order; those named in `skip` are listed as skipped.
 * @throws MojaboxError `unknown-check` when `skip` names none of ours
 */
export function runChecks(facts: Facts, needs: Requirements, skip: readonly string[] = []): CheckResult[] {
  refuseUnknown(skip)
  return CHECKS.map(({ id, title, run }) =>
    skip.includes(id)
      ? { id, title, status: 'skip', found: 'skipped on request', needed: '', fix: '' }
      : { id, title, ...run(facts, needs) },
  )
}

/** @throws MojaboxError `unknown-check`: lets a command line refuse before anything is reached. */
export function refuseUnknown(skip: readonly string[]): void {
  const ids = CHECKS.map((check) => check.id)
  const unknown = skip.find((id) => !ids.includes(id))
  if (unknown === undefined) return
  const [nearest] = nearestNames(unknown, ids)
  throw new MojaboxError({
    code: 'unknown-check',
    kind: 'usage',
    message: `skipping a check: there is none called ${unknown}`,
    found: unknown,
    needed: `one of ${[...new Set([...nearestNames(unknown, ids), ...ids])].join(', ')}`,
    next: nearest ? `did you mean --skip-check ${nearest}?` : 'leave --skip-check out, or name one of these',
  })
}
