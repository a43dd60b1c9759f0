import { readFileSync } from 'node:fs'
import { stringify } from 'yaml'
import { readDefinition } from '../../../agent/deployments/core-test-harness/definition.ts'

const folder = new URL('../../../bundles/core-test-harness/', import.meta.url)

/** A file of the deployment as it is shipped. */
export function readShipped(path: string): string {
  return readFileSync(new URL(path, folder), 'utf8')
}

/** The definition as it is shipped. */
export const { definition, text: json } = await readDefinition(async (path) => readShipped(path))

/** The same as one YAML file, as a person would write it. */
export const text = stringify(JSON.parse(json), { aliasDuplicateObjects: false, lineWidth: 0 })
