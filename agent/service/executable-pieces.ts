import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { FORGET_UNIT, NODE_PATHS } from '../contract/paths.ts'
import type { RunCommand } from '../contract/step.ts'

/** As the desk names them: the digest of what it sends, and a number (`installer/delivery/deliver-executable.ts`). */
const PIECE = /^[0-9a-f]{64}\.\d+$/

/**
 * The executable is here to stay: the pieces in which it came, which wait in the host's memory for a command that may come
 * after a check, go, and so does the timer that would take them away.
 */
export async function dropPieces(run: RunCommand): Promise<void> {
  const names = await readdir(NODE_PATHS.run).catch((): string[] => [])
  const pieces = names.filter((name) => PIECE.test(name))
  if (pieces.length === 0) return
  await run(['systemctl', 'stop', `${FORGET_UNIT}.timer`], { timeoutMs: 10_000 }).catch(() => {})
  for (const name of pieces) await rm(join(NODE_PATHS.run, name), { force: true })
}
