import type { FaultRow } from './row.ts'
import { contentRows } from './rows/content.ts'
import { contentionRows } from './rows/contention.ts'
import { linkRows } from './rows/link.ts'
import { mediaRows } from './rows/media.ts'
import { powerRows } from './rows/power.ts'
import { processRows } from './rows/process.ts'
import { resourceRows } from './rows/resources.ts'

/** Every group of faults, by the name of its file in `rows/`. */
export const GROUPS: Record<string, readonly FaultRow[]> = {
  process: processRows,
  link: linkRows,
  resources: resourceRows,
  contention: contentionRows,
  power: powerRows,
  content: contentRows,
  media: mediaRows,
}

/**
 * The rows that a run takes.
 * @param asked `all`; ids or their beginnings, with commas between; without it the fast ones
 * @throws Error for an id that none has
 */
export function rowsFor(asked: string | undefined): FaultRow[] {
  const rows = Object.values(GROUPS).flat()
  if (asked === undefined || asked === '') return rows.filter(({ fast }) => fast)
  if (asked === 'all') return rows
  const ids = asked.split(',')
  for (const id of ids) if (!rows.some((row) => row.id.startsWith(id))) throw new Error(`no fault ${id}`)
  return rows.filter((row) => ids.some((id) => row.id.startsWith(id)))
}
