import { memorySize } from '../amounts.ts'
import { type Check, fail, pass, warn } from '../check.ts'

export const memory: Check = {
  id: 'memory',
  title: 'Memory',
  run({ memory: have, docker }, { memoryBytes: needs }) {
    const least = memorySize(needs.fail, 'up')
    const needed =
      needs.warn > needs.fail ? `${least} or more, better ${memorySize(needs.warn, 'up')}` : `${least} or more`
    if (have === null) return warn('could not be read', needed, 'compare with: free -h')
    const usable = Math.min(have.totalBytes, have.limitBytes ?? have.totalBytes)
    const limit = have.limitBytes === null ? '' : `, of which a limit allows ${memorySize(have.limitBytes, 'down')}`
    const found = `${memorySize(have.totalBytes, 'down')}${limit}`
    const fix = `give the machine ${memorySize(needs.warn, 'up')} or choose a smaller profile: see with free -h`
    if (usable < needs.fail) return fail(found, needed, fix)
    if (usable < needs.warn) return warn(`${found}: works, with little to spare`, needed, fix)
    // Once the hub runs, what it uses itself is not missing.
    const hubRuns = (docker?.containers?.oursRunning ?? 0) > 0
    if (!hubRuns && have.availableBytes < needs.fail) {
      const free = memorySize(have.availableBytes, 'down')
      return warn(
        `${found}, but only ${free} of it free now`,
        needed,
        'stop what you do not need: see with ps aux --sort=-rss | head',
      )
    }
    return pass(found, needed)
  },
}
