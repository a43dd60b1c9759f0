import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { NODE_PATHS } from '../contract/paths.ts'
import type { RunCommand } from '../contract/step.ts'
import { createRunCommand } from '../runtimes/command.ts'

/** As the desk names them: the digest of what it sends, and a number (`installer/delivery/deliver-executable.ts`). */
const PIECE = /^[0-9a-f]{64}\.\d+$/
const FORGET_UNIT = 'mojabox-forget'
const KEPT_MINUTES = 60
/** Those of a delivery that is on by then are younger. */
const FORGET = `find "$1" -maxdepth 1 -type f -name '*.[0-9]*' -mmin +${KEPT_MINUTES - 1} -delete; rmdir "$1" 2> /dev/null || true`
const LIMIT = { timeoutMs: 10_000 }

/** The executable is here to stay: the pieces in which it came, in the host's memory, go. */
export async function dropPieces(run: RunCommand = createRunCommand()): Promise<void> {
  const pieces = await listPieces()
  if (pieces.length === 0) return
  await stopTimer(run)
  for (const name of pieces) await rm(join(NODE_PATHS.run, name), { force: true })
}

/**
 * Nothing is installed, so the executable goes again; the pieces in which it came, a third of it, stay in the host's memory
 * for an hour, so that who checks, plans and then installs over a thin line sends them once. Where there is no systemd to
 * take them away then, they go now.
 */
export async function keepPieces(run: RunCommand = createRunCommand()): Promise<void> {
  if ((await listPieces()).length === 0) return
  try {
    await stopTimer(run)
    const when = ['--quiet', '--collect', `--unit=${FORGET_UNIT}`, `--on-active=${KEPT_MINUTES}min`]
    await run(['systemd-run', ...when, 'sh', '-c', FORGET, 'sh', NODE_PATHS.run], LIMIT)
  } catch {
    await dropPieces(run)
  }
}

async function listPieces(): Promise<string[]> {
  const names = await readdir(NODE_PATHS.run).catch((): string[] => [])
  return names.filter((name) => PIECE.test(name))
}

async function stopTimer(run: RunCommand): Promise<void> {
  await run(['systemctl', 'stop', `${FORGET_UNIT}.timer`], LIMIT).catch(() => {})
}
