import { expect } from 'vitest'
import type { MojaboxProcess } from '../e2e/support/mojabox-process.ts'
import { waitFor } from '../lab/wait.ts'
import type { Ground } from './ground.ts'
import { type FaultRow, type FaultVerb, type Outcome, VERBS } from './row.ts'
import type { Subject } from './subject.ts'

/** A fault that goes by while images travel, and that a command has to get over: by itself, or started once more. */
export interface Harm {
  /** In kebab case; with group and verb it makes the id. */
  fault: string
  title: string
  /** Verbs for which it runs within `npm test`. */
  fast?: readonly FaultVerb[]
  /** How much of the images has to be there, 0 to 1; without it the faults are spread over the transfer. */
  at?: number
  /** Does the harm and takes it back. @returns the command that goes on: the same, or the one that was started in its place */
  make(subject: Subject, command: MojaboxProcess, ground: Ground): Promise<MojaboxProcess>
}

interface AlongRow extends FaultRow {
  harm: Harm
}

/** Bytes a second: slow enough for each fault to come while images travel. */
const RATE: Record<FaultVerb, string> = { install: '4M', upgrade: '1M' }

/** The part of the transfer over which harms are spread: some of them take seconds, in which more comes. */
const SPREAD = 0.8

/**
 * A row for each harm and verb. All that are asked for share a command: one harm after the other while images travel, and
 * after each more of them must come.
 */
export function rowsAlong(group: string, harms: readonly Harm[]): FaultRow[] {
  return VERBS.flatMap((verb) =>
    harms.map(
      (harm): AlongRow => ({
        id: `${group}/${harm.fault}/${verb}`,
        title: harm.title,
        verb,
        harm,
        ...(harm.fast?.includes(verb) && { fast: true }),
        async run(ground) {
          const asked = ground.rows.filter((row): row is AlongRow => row.verb === verb && 'harm' in row)
          const along = () =>
            hurtAlong(
              ground,
              verb,
              asked.map((row) => row.harm),
            )
          const hurt = await ground.once(`along ${verb}`, along)
          expect(hurt.made).toContain(harm.fault)
          return hurt.outcome
        },
      }),
    ),
  )
}

interface Hurt {
  /** The harms that were made, and after which the transfer went on. */
  made: string[]
  outcome: Outcome
}

async function hurtAlong(ground: Ground, verb: FaultVerb, harms: readonly Harm[]): Promise<Hurt> {
  const subject = await ground.subject(verb)
  const commands = [subject.start({ timeoutMs: 15 * 60_000 }, ['--limit-rate', RATE[verb]])]
  const made: string[] = []
  for (const { harm, at } of spread(harms)) {
    await hurtOnce(ground, subject, commands, harm, at).catch((error: Error) => {
      const said = commands.at(-1)?.output.stderr
      throw new Error(`${harm.fault}, after ${made.join(', ')}: ${error.message}\n${said}`, { cause: error })
    })
    made.push(harm.fault)
  }
  return { made, outcome: await subject.recovered(await last(commands).ended, 'done') }
}

/** With the part of the transfer at which each comes, in that order. */
function spread(harms: readonly Harm[]): { harm: Harm; at: number }[] {
  const free = harms.filter(({ at }) => at === undefined)
  const placeOf = (harm: Harm) => (SPREAD * (free.indexOf(harm) + 0.5)) / (free.length + 1)
  const places = harms.map((harm) => ({ harm, at: harm.at ?? placeOf(harm) }))
  return places.toSorted((left, right) => left.at - right.at)
}

/** Waits until so much has come, does the harm, and waits until more comes. */
async function hurtOnce(
  ground: Ground,
  subject: Subject,
  commands: MojaboxProcess[],
  harm: Harm,
  at: number,
): Promise<void> {
  const soMuch = async () => goneOver(commands) || travel(commands).part >= at
  await waitFor('images to travel', soMuch, { timeoutMs: 180_000 })
  if (imagesDone(last(commands))) throw new Error(`the images had come before: ${JSON.stringify(travel(commands))}`)
  const command = last(commands)
  const then = await harm.make(subject, command, ground)
  if (then !== command) commands.push(then)
  const { told } = travel(commands)
  const more = async () => goneOver(commands) || imagesDone(then) || travel(commands).told > told
  await waitFor('more of the images', more, { timeoutMs: 180_000 })
  if (goneOver(commands) && !imagesDone(then)) throw new Error('the command ended')
}

/** How much of the images has come: all but what the engine of the moment has still to get, of what the first one lacked. */
function travel(commands: readonly MojaboxProcess[]): { part: number; told: number } {
  let total: number | undefined
  let part = 0
  let told = 0
  for (const event of commands.flatMap(({ events }) => events)) {
    if (event.type !== 'step-progress' || event.id !== 'images') continue
    told += 1
    total ??= event.total
    part = 1 - (event.total - event.done) / total
  }
  return { part, told }
}

const imagesDone = ({ events }: MojaboxProcess) =>
  events.some((event) => event.type === 'step-done' && event.id === 'images')

const goneOver = (commands: readonly MojaboxProcess[]) =>
  last(commands).events.some(({ type }) => type === 'run-finished')

function last(commands: readonly MojaboxProcess[]): MojaboxProcess {
  const command = commands.at(-1)
  if (!command) throw new Error('no command was started')
  return command
}
