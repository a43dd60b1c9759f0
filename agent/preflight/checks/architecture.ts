import { type Check, fail, pass, warn } from '../check.ts'

/** Processor family, and the instructions the images were built for. */
export const architecture: Check = {
  id: 'architecture',
  title: 'Processor type',
  run({ cpu }, { architectures, cpuFlags }) {
    const wanted = cpuFlags[cpu.architecture] ?? []
    const needed = [architectures.join(' or '), ...(wanted.length > 0 ? [`with ${wanted.join(', ')}`] : [])].join(' ')
    const found = cpu.model ? `${cpu.architecture} (${cpu.model})` : cpu.architecture
    if (!architectures.includes(cpu.architecture)) {
      return fail(found, needed, `use a bundle built for ${cpu.architecture}, or another machine: see with uname -m`)
    }
    if (wanted.length > 0 && cpu.flags.length === 0) {
      return warn(`${found}, its instructions could not be read`, needed, 'compare with: grep -m1 flags /proc/cpuinfo')
    }
    const missing = wanted.filter((flag) => !cpu.flags.includes(flag))
    if (missing.length > 0) {
      return fail(
        `${found} without ${missing.join(', ')}`,
        needed,
        'on a virtual machine, let it see the real processor (for example --cpu host), then compare with: grep -m1 flags /proc/cpuinfo',
      )
    }
    return pass(found, needed)
  },
}
