import type { Facts } from '../contract/facts.ts'
import { findProgram } from './programs.ts'

const PROGRAMS = [
  ['apt', 'apt-get'],
  ['dnf', 'dnf'],
  ['yum', 'yum'],
  ['zypper', 'zypper'],
  ['apk', 'apk'],
  ['pacman', 'pacman'],
] as const

export async function collectPackages(): Promise<Facts['packages']> {
  const found = await Promise.all(PROGRAMS.map(([, program]) => findProgram(program)))
  return { manager: PROGRAMS.find((_, at) => found[at] !== null)?.[0] ?? null }
}
