import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { waitFor } from './wait.ts'

/** Calls `use` while no other process of this machine is between the same lines; waits up to 15 minutes for its turn. */
export async function withLock<T>(path: string, use: () => Promise<T>): Promise<T> {
  await waitFor(`the lock ${path}`, async () => acquire(path), { timeoutMs: 15 * 60_000, intervalMs: 250 })
  try {
    return await use()
  } finally {
    rmSync(path, { force: true })
  }
}

function acquire(path: string): boolean {
  try {
    writeFileSync(path, `${process.pid}`, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    // Its holder was killed: the next attempt finds the way clear.
    if (!existsSync(`/proc/${readFileSync(path, 'utf8')}`)) rmSync(path, { force: true })
    return false
  }
}
