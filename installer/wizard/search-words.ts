import { brief } from '../render/wizard-text.ts'
import type { World } from './step.ts'

/** So many refused files are named one by one. */
const NAMED = 4

/** What the search for bundles came upon besides bundles. */
export function searchWords({ search }: World): string[] {
  const { refused, unseen } = search
  const rest = refused.length - NAMED
  return [
    ...refused.slice(0, NAMED).map(({ path, found }) => `Left aside: ${path} (${brief(found, 100)})`),
    ...(rest > 0 ? [`and ${rest} more files that are no bundles`] : []),
    ...unseen.map((path) => `Not looked into: ${path} (it did not answer in time)`),
  ]
}
