import { LEVELS } from '../../agent/contract/levels.ts'
import { MojaboxError } from '../../bundles/format/error.ts'

/** @throws MojaboxError `level-unknown` */
export function levelsOrAll(asked: string[] | undefined): string[] {
  if (!asked || asked.length === 0) return [...LEVELS]
  const unknown = asked.find((level) => !LEVELS.some((known) => known === level))
  if (unknown === undefined) return asked
  throw new MojaboxError({
    code: 'level-unknown',
    kind: 'usage',
    message: 'there is no such validation level',
    found: unknown,
    needed: `one of ${LEVELS.join(', ')}`,
    next: 'mojabox validate --help',
  })
}
