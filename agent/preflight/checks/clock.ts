import { type Check, fail, pass } from '../check.ts'

/** Transfers expire by the clock: the node's has to agree with the desk's. */
export const clock: Check = {
  id: 'clock',
  title: 'Clock',
  run({ clock: have }, { clock: needs }) {
    const needed = `within ${seconds(needs.maxSkewMs)} s of the desk's`
    const fix = 'set it from the desk: ssh NODE sudo date -s @$(date +%s) (or let both follow one time server)'
    const now = new Date(have.nowMs).toISOString().slice(0, 16).replace('T', ' ')
    if (have.nowMs < needs.notBeforeMs) return fail(`it says ${now} UTC, which is past`, needed, fix)
    if (have.skewMs === null) return pass(`${now} UTC`, needed)
    if (Math.abs(have.skewMs) < 100) return pass('agrees with the desk', needed)
    const apart = `${seconds(Math.abs(have.skewMs))} s ${have.skewMs < 0 ? 'behind' : 'ahead of'} the desk`
    if (Math.abs(have.skewMs) > needs.maxSkewMs) return fail(apart, needed, fix)
    return pass(have.synchronized ? `${apart}, kept by a time service` : apart, needed)
  },
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(ms < 10_000 && ms % 1000 !== 0 ? 1 : 0)
}
