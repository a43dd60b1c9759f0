import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bench } from '../measure/bench.ts'

/** Lets the desk, whose home is the bench's folder, check its bundles anew, as it does with one that has just come. */
export async function forgetChecked({ folder }: Bench): Promise<void> {
  await rm(join(folder, '.cache', 'mojabox', 'verified'), { recursive: true, force: true })
}
