import { homedir } from 'node:os'
import { resolve } from 'node:path'

/** A path as a person types it, absolute; undefined for nothing. */
export function typedPath(answer: string, folder: string): string | undefined {
  const typed = answer.trim()
  if (typed === '') return undefined
  return typed.startsWith('~/') ? resolve(homedir(), typed.slice(2)) : resolve(folder, typed)
}
