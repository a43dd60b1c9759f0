import type { CheckResult } from '../contract/check.ts'
import type { Facts } from '../contract/facts.ts'
import type { Requirements } from './requirements.ts'

/** What one check says; `skip` is not its to say. */
export interface Finding {
  status: 'pass' | 'warn' | 'fail'
  found: string
  needed: string
  fix: string
}

/** Pure: looks at facts and thresholds only. Id and file name are the same. */
export interface Check {
  id: CheckResult['id']
  title: string
  run(facts: Facts, needs: Requirements): Finding
}

export function pass(found: string, needed: string): Finding {
  return { status: 'pass', found, needed, fix: '' }
}

/** May go wrong, or could not be seen. */
export function warn(found: string, needed: string, fix: string): Finding {
  return { status: 'warn', found, needed, fix }
}

export function fail(found: string, needed: string, fix: string): Finding {
  return { status: 'fail', found, needed, fix }
}
