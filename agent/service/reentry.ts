import { isSea } from 'node:sea'

/** Turns arguments of mojabox into the argv that runs this same program with them. */
export type ReentryArgv = (args: string[]) => string[]

/** This executable, or the same sources under the same Node. */
export const reenter: ReentryArgv = (args) =>
  isSea() ? [placeOf(process.execPath), ...args] : [process.execPath, process.argv[1] ?? '', ...args]

/**
 * Where an executable lies. Of one that was replaced while it started (another desk may send the same one at that moment)
 * the kernel says so behind its path; what lies there now is as good.
 */
export function placeOf(executable: string): string {
  return executable.replace(/ \(deleted\)$/, '')
}
