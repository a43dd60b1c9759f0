import { isSea } from 'node:sea'

/** Turns arguments of mojabox into the argv that runs this same program with them. */
export type ReentryArgv = (args: string[]) => string[]

/** This executable, or the same sources under the same Node. */
export const reenter: ReentryArgv = (args) =>
  isSea() ? [process.execPath, ...args] : [process.execPath, process.argv[1] ?? '', ...args]
