import { memorySize } from '../amounts.ts'
import { type Check, fail, pass, warn } from '../check.ts'

export const swap: Check = {
  id: 'swap',
  title: 'Swap',
  run({ memory }, { swap: needs }) {
    const needed = needs === 'off' ? 'none' : 'with or without'
    if (needs === 'any')
      return pass(memory && memory.swapTotalBytes > 0 ? memorySize(memory.swapTotalBytes) : 'none', needed)
    if (memory === null) return warn('could not be read', needed, 'compare with: swapon --show')
    if (memory.swapTotalBytes === 0) return pass('none', needed)
    return fail(memorySize(memory.swapTotalBytes), needed, 'sudo swapoff -a, and take its line out of /etc/fstab')
  },
}
