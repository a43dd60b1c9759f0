import { carriedSet } from './delivery/carried-set.ts'
import { deliveryFigures } from './delivery/figures.ts'
import { isFarOff, measureFiveNodes } from './delivery/five-nodes.ts'
import { measureFloors } from './delivery/floors.ts'
import { measureLink100 } from './delivery/link100.ts'
import { measureOneNode } from './delivery/one-node.ts'
import { RUNTIMES } from './delivery/runtime.ts'
import { saveTars } from './delivery/saved-tars.ts'
import { PARTS, type PartName, type Trial } from './delivery/trial.ts'
import type { Group } from './measure/bench.ts'
import { choose } from './measure/choice.ts'
import { type Figure, Unfinished } from './measure/figure.ts'
import { loadText } from './measure/meters.ts'
import { Samples } from './measure/samples.ts'

/** Odd, so that the median is a run that happened. */
const REPETITIONS = 5
/** Minutes each, and as it is the link that takes them, one is much like another. */
const FIVE_NODES_REPETITIONS = 3
/** What does not depend on the runtime is measured with the main one, unless `--only` names it. */
const ONCE: readonly PartName[] = ['five_nodes', 'floors']

/**
 * Eight images onto nodes that have Docker: cold, as an upgrade, and where there is nothing to do; by mojabox, by hand,
 * and against what the machine can do at all; with each runtime.
 */
export const delivery: Group = {
  needsLab: true,
  needsImageSet: true,
  async measure(bench) {
    const { repetitions = REPETITIONS, only, suites } = bench.choice
    const runtimes = choose('suites', RUNTIMES, ({ name }) => name, suites)
    const chosen = choose('only', PARTS, (part) => part, only)
    const sets = { gzip: await carriedSet(bench, 'gzip'), zstd: await carriedSet(bench, 'zstd') }
    const tags = sets.gzip.images[1].tags
    const tars = chosen.includes('cold') ? await saveTars(bench.folder, tags) : { plain: '', zstd: '' }
    const figures: Figure[] = []
    const failures: unknown[] = []
    for (const runtime of runtimes) {
      const parts = new Set(only || runtime.isMain ? chosen : chosen.filter((part) => !ONCE.includes(part)))
      const trial: Trial = { bench, runtime, sets, tars, parts, samples: new Samples() }
      const loads = [loadText()]
      try {
        await measureRuntime(trial, repetitions, loads)
      } catch (error) {
        // The other runtimes, and what was measured of this one, are worth having: all of it takes an hour.
        failures.push(error)
        bench.say(`${runtime.name}: ${error instanceof Error ? error.message : String(error)}`)
      }
      figures.push(...deliveryFigures(trial, loads))
    }
    if (failures.length > 0) throw new Unfinished(figures, failures[0])
    return figures
  },
}

/** @param loads of the machine, to which one a round is added */
async function measureRuntime(trial: Trial, repetitions: number, loads: string[]): Promise<void> {
  const { parts, bench, runtime } = trial
  if (parts.has('floors')) await measureFloors(trial)
  for (let number = 1; number <= repetitions; number++) {
    bench.say(`${runtime.name}: round ${number} of ${repetitions} (load ${loadText()})`)
    const round = { number, isLast: number === repetitions }
    await measureOneNode(trial, round)
    if (parts.has('link100')) await measureLink100(trial, round)
    loads.push(loadText())
  }
  const rounds = parts.has('five_nodes') ? Math.min(repetitions, FIVE_NODES_REPETITIONS) : 0
  for (let number = 1; number <= rounds && !isFarOff(trial); number++) {
    await measureFiveNodes(trial, { number, isLast: number === rounds })
    loads.push(loadText())
  }
}
