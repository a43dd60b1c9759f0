import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { type Verdict, verdictOf } from './verdict.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/**
 * Asks, and says what came of it.
 * @returns false when nobody could be asked
 * @throws Error naming what is vulnerable
 */
export async function audit(say: (text: string) => void): Promise<boolean> {
  const verdict = verdictOf(await ask())
  if (verdict.outcome === 'vulnerable') throw new Error(`vulnerable packages:\n  ${verdict.found.join('\n  ')}`)
  for (const line of linesOf(verdict)) say(line)
  return verdict.outcome === 'clean'
}

function linesOf(verdict: Exclude<Verdict, { outcome: 'vulnerable' }>): string[] {
  if (verdict.outcome === 'unasked') return [`NOT AUDITED: ${verdict.why}`]
  return [...verdict.lesser, `audited: no high or critical advisory about ${verdict.packages} packages`]
}

/** npm's exit code only repeats what it prints. */
function ask(): Promise<string> {
  const args = ['audit', '--omit=dev', '--json', '--audit=true', '--fetch-retries=1', '--fetch-timeout=30000']
  return new Promise((resolve) => execFile('npm', args, { cwd: ROOT }, (_error, stdout) => resolve(stdout)))
}
