import { MojaboxError } from '../../bundles/format/error.ts'
import type { Facts } from '../contract/facts.ts'
import type { CommandResult, RunCommand } from '../contract/step.ts'
import { attempt } from './attempt.ts'

const ANY_CODE = Array.from({ length: 256 }, (_, code) => code)

export async function collectUser(run: RunCommand): Promise<Facts['user']> {
  const uid = process.getuid?.() ?? -1
  if (uid === 0) return { uid, isRoot: true, sudo: 'not-needed' }
  return { uid, isRoot: false, sudo: await attempt(() => trySudo(run), null) }
}

async function trySudo(run: RunCommand): Promise<Facts['user']['sudo']> {
  try {
    return judgeSudo(await run(['sudo', '-n', 'true'], { okCodes: ANY_CODE, timeoutMs: 2_500 }))
  } catch (error) {
    return error instanceof MojaboxError && error.facts.code === 'command-missing' ? 'missing' : null
  }
}

/** What `sudo -n true` tells: it never asks, so a wanted password is a failure with a known text. */
export function judgeSudo({ code, stderr }: CommandResult): Facts['user']['sudo'] {
  if (code === 0) return 'free'
  return /password is required|terminal is required/.test(stderr) ? 'password' : 'refused'
}
