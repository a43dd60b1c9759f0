import { access } from 'node:fs/promises'
import type { Facts } from '../contract/facts.ts'
import type { RunCommand } from '../contract/step.ts'
import { attempt } from './attempt.ts'

/** Whether a time service keeps this clock right; null when nothing tells. */
export async function collectSynchronized(run: RunCommand): Promise<Facts['clock']['synchronized']> {
  const stamped = await access('/run/systemd/timesync/synchronized').then(
    () => true,
    () => false,
  )
  if (stamped) return true
  return attempt(async () => {
    const { stdout } = await run(['timedatectl', 'show', '--property=NTPSynchronized'], { timeoutMs: 2_500 })
    return parseSynchronized(stdout)
  }, null)
}

export function parseSynchronized(text: string): boolean | null {
  const value = /^NTPSynchronized=(yes|no)$/m.exec(text)?.[1]
  return value === undefined ? null : value === 'yes'
}
