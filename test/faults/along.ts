import { expect } from 'vitest'
import type { Ended, MojaboxProcess } from '../e2e/support/mojabox-process.ts'
import type { Ground } from './ground.ts'
import { type FaultRow, type FaultVerb, type Outcome, VERBS } from './row.ts'
import type { Expected, Subject } from './subject.ts'

/** A fault that goes by, and that the command has to get over without its end, or as often as it is started. */
export interface Harm {
  /** In kebab case; with group and verb it makes the id. */
  fault: string
  title: string
  /** Verbs for which it runs within `npm test`. */
  fast?: readonly FaultVerb[]
  /** How much of the images has to be there, 0 to 1; without it the faults are spread over the transfer. */
  at?: number
  /** Does the harm and takes it back. @returns the command that goes on: the same, or the one that was started in its place */
  make(subject: Subject, command: MojaboxProcess): Promise<MojaboxProcess>
}

/** Bytes a second: slow enough for each fault to come while images travel. */
const RATE: Record<FaultVerb, string> = { install: '20M', upgrade: '3M' }

/**
 * A row for each harm and verb. They share a command: one harm after the other while images travel, and after each
 * more of them must come.
 */
export function rowsAlong(group: string, harms: readonly Harm[], expected: Expected): FaultRow[] {
  return VERBS.flatMap((verb) =>
    harms.map((harm): FaultRow => {
      const id = `${group}/${harm.fault}/${verb}`
      return {
        id,
        title: harm.title,
        verb,
        ...(harm.fast?.includes(verb) && { fast: true }),
        async run(ground) {
          const asked = harms.filter(({ fault }) => ground.rows.some((row) => row.id === `${group}/${fault}/${verb}`))
          const hurt = await ground.once(`${group} along ${verb}`, () => hurtAlong(ground, verb, asked, expected))
          expect(hurt.made).toContain(harm.fault)
          return hurt.outcome
        },
      }
    }),
  )
}

interface Hurt {
  /** The harms that were made, and after which the transfer went on. */
  made: string[]
  outcome: Outcome
}

async function hurtAlong(ground: Ground, verb: FaultVerb, harms: readonly Harm[], expected: Expected): Promise<Hurt> {
  const subject = await ground.subject(verb)
  const made: string[] = []
  let command = subject.start({ timeoutMs: 15 * 60_000 }, ['--limit-rate', RATE[verb]])
  for (const [index, harm] of harms.entries()) {
    const at = harm.at ?? (index + 0.5) / (harms.length + 0.5)
    command = await hurtOnce(subject, command, harm, at).catch((error: Error) => {
      throw new Error(`${harm.fault}: ${error.message}\n${command.output.stderr}`, { cause: error })
    })
    made.push(harm.fault)
  }
  const ended: Ended = await command.ended
  return { made, outcome: await subject.recovered(ended, expected) }
}

/** Waits until so much has come, does the harm, and waits until more comes. */
async function hurtOnce(subject: Subject, command: MojaboxProcess, harm: Harm, at: number): Promise<MojaboxProcess> {
  await arrived(command, at)
  const before = bytesOf(command)
  const then = await harm.make(subject, command)
  await then.saw('step-progress', ({ id, done, total }) => id === 'images' && (done > before || done === total))
  return then
}

/** Waits until that part of the images' bytes has come. */
async function arrived(command: MojaboxProcess, part: number): Promise<void> {
  await command.saw('step-progress', ({ id, done, total }) => id === 'images' && done >= total * part)
}

function bytesOf({ events }: MojaboxProcess): number {
  const told = events.flatMap((event) => (event.type === 'step-progress' && event.id === 'images' ? [event.done] : []))
  return Math.max(0, ...told)
}
