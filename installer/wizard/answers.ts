import { mkdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { z } from 'zod'
import { Draft } from './draft.ts'

const Remembered = z.object({ version: z.literal(1), at: z.string(), answers: Draft })

/** Where the answers of a wizard that has not ended yet are kept. */
export function answersPath(folder: string): string {
  return join(folder, '.mojabox', 'wizard.json')
}

/** The answers of an earlier run, and when they were given; undefined when there are none that can be used. */
export async function recallAnswers(folder: string): Promise<{ at: string; draft: Draft } | undefined> {
  const text = await readFile(answersPath(folder), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    const { at, answers } = Remembered.parse(JSON.parse(text))
    return { at, draft: answers }
  } catch {
    // Of another version, or damaged: the questions are asked as if for the first time.
    return undefined
  }
}

/** No secrets are in them, but names of hosts and users are. */
export async function rememberAnswers(folder: string, answers: Draft, now: Date): Promise<void> {
  const path = answersPath(folder)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const text = `${JSON.stringify({ version: 1, at: now.toISOString(), answers }, null, 2)}\n`
  await writeFileAtomic(path, text, { mode: 0o600 })
}

export async function forgetAnswers(folder: string): Promise<void> {
  await rm(answersPath(folder), { force: true })
}
