import { type Check, fail, pass, warn } from '../check.ts'

/** Enforcing, it keeps services from starting what lies under /var, and containers from reading what we mount. */
export const selinux: Check = {
  id: 'selinux',
  title: 'SELinux',
  run({ selinux: mode }, { selinux: needs }) {
    const needed = needs === 'any' ? 'any mode' : 'permissive, or off'
    if (mode === null) return warn('could not be read', needed, 'compare with: getenforce')
    if (needs === 'not-enforcing' && mode === 'enforcing') {
      return fail(mode, needed, 'sudo setenforce 0 (and SELINUX=permissive in /etc/selinux/config)')
    }
    return pass(mode === 'disabled' ? 'off' : mode, needed)
  },
}
