import { type Check, fail, pass, warn } from '../check.ts'

export const cores: Check = {
  id: 'cores',
  title: 'Processor cores',
  run({ cpu }, { cores: needs }) {
    const usable = Math.min(cpu.cores, cpu.limitCores ?? cpu.cores)
    const found = cpu.limitCores === null ? `${cpu.cores}` : `${cpu.cores}, of which a limit allows ${round(usable)}`
    const needed = needs.warn > needs.fail ? `${needs.fail} or more, better ${needs.warn}` : `${needs.fail} or more`
    const fix = `give the machine ${needs.warn} cores or choose a smaller profile: see with nproc`
    if (usable < needs.fail) return fail(found, needed, fix)
    if (usable < needs.warn) return warn(`${found}: works, slowly`, needed, fix)
    return pass(found, needed)
  },
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
