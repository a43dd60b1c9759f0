import pLimit from 'p-limit'

/** Takes one line of progress. */
export type Log = (line: string) => void

export interface StageRunner {
  /**
   * Runs a piece of work once all it comes after has succeeded and one of the slots is free, and logs how long it took.
   * Work that resolves to `false` is logged as having found everything in place.
   */
  stage(name: string, after: readonly Promise<unknown>[], work: () => Promise<unknown>): Promise<void>
  /** Waits for all stages, so that none is left running, then throws the first failure if there was one. */
  finish(): Promise<void>
}

/** @param slots How many stages run at a time: a few more than there are cores, since most wait for the network. */
export function createStageRunner(log: Log, slots = 3): StageRunner {
  const limit = pLimit(slots)
  const stages: Promise<void>[] = []

  async function perform(name: string, work: () => Promise<unknown>): Promise<void> {
    const start = performance.now()
    const outcome = await work()
    log(`${seconds(start)} ${name}${outcome === false ? ' (present)' : ''}`)
  }

  return {
    stage(name, after, work) {
      const stage = Promise.all(after).then(() => limit(() => perform(name, work)))
      stages.push(stage)
      return stage
    },
    async finish() {
      const failed = (await Promise.allSettled(stages)).find((result) => result.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    },
  }
}

/** The time since `start` (of `performance.now()`), as text of a fixed width. */
export function seconds(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s`
}
