import type { ErrorFacts } from '../../bundles/format/error.ts'

/** A failure for a person: what, found, needed, next; no stack trace. */
export function renderError(facts: ErrorFacts): string {
  const lines = [`mojabox: ${facts.message}`]
  if (facts.found) lines.push(`  found:  ${facts.found}`)
  if (facts.needed) lines.push(`  needed: ${facts.needed}`)
  if (facts.next) lines.push(`  next:   ${facts.next}`)
  return `${lines.join('\n')}\n`
}
