import { readFileSync } from 'node:fs'
import { readDefinition } from '../../../agent/deployments/core-test-harness/definition.ts'

const folder = new URL('../../../bundles/core-test-harness/', import.meta.url)

/** A file of the deployment as it is shipped. */
export function readShipped(path: string): string {
  return readFileSync(new URL(path, folder), 'utf8')
}

/** The definition as it is shipped, and its text as one file. */
export const { definition, text } = await readDefinition(async (path) => readShipped(path))
