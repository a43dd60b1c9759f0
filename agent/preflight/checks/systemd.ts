import { type Check, fail, pass, warn } from '../check.ts'

export const systemd: Check = {
  id: 'systemd',
  title: 'Service manager',
  run({ systemd: have }, { systemd: lowest }) {
    const needed = `systemd ${lowest} or newer, running`
    if (!have.booted) {
      return fail(
        'this machine was not started by systemd',
        needed,
        'use a machine that runs systemd: see with ps -p 1',
      )
    }
    if (have.version === null || have.state === null) {
      return warn('it gave no answer', needed, 'compare with: systemctl is-system-running')
    }
    const found = `systemd ${have.version}, ${have.state}`
    if (have.version < lowest) return fail(found, needed, 'upgrade the operating system: see with systemctl --version')
    if (['maintenance', 'stopping', 'offline'].includes(have.state)) {
      return fail(found, needed, 'finish the maintenance or restart the machine: see with systemctl is-system-running')
    }
    if (have.state === 'degraded') {
      return warn(`${found}: some services failed`, needed, 'see which, and whether they matter: systemctl --failed')
    }
    return pass(found, needed)
  },
}
