import { type Check, fail, pass, warn } from '../check.ts'
import { isAtLeast } from '../version-order.ts'

export const kernel: Check = {
  id: 'kernel',
  title: 'Linux kernel',
  run({ kernel: have }, { kernel: lowest }) {
    const needed = `Linux ${lowest} or newer with the overlay file system`
    if (have.release === '') return warn('could not be read', needed, 'compare with: uname -r')
    if (!isAtLeast(have.release, lowest)) {
      return fail(
        `Linux ${have.release}`,
        needed,
        'install a newer kernel from your distribution and restart the machine: see with uname -r',
      )
    }
    if (have.overlay === false) {
      return fail(
        `Linux ${have.release} without overlay`,
        needed,
        'install the full kernel package of your distribution, then try: sudo modprobe overlay',
      )
    }
    return pass(`Linux ${have.release}`, needed)
  },
}
