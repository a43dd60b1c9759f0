import { type Check, fail, pass, warn } from '../check.ts'

/** The kernel's means to count and limit what a container uses. */
export const cgroups: Check = {
  id: 'cgroups',
  title: 'Control groups',
  run({ cgroup }, { cgroupControllers: needs }) {
    const all = [...needs.fail, ...needs.warn]
    const needed = `cgroup version 1 or 2 with ${all.join(', ')}`
    if (cgroup === null) return warn('could not be read', needed, 'compare with: mount -t cgroup,cgroup2')
    if (cgroup.version === 'none') {
      return fail(
        'none mounted at /sys/fs/cgroup',
        needed,
        'start the machine with systemd, then look at: mount -t cgroup,cgroup2',
      )
    }
    const missing = all.filter((name) => !cgroup.controllers.includes(name))
    const found = `version ${cgroup.version}`
    if (missing.length === 0) return pass(found, needed)
    const options = missing.map((name) => `cgroup_enable=${name}`).join(' ')
    const fix = `add ${options} to the kernel's command line (GRUB_CMDLINE_LINUX in /etc/default/grub, then sudo update-grub) and restart`
    const say = missing.some((name) => needs.fail.includes(name)) ? fail : warn
    return say(`${found} without ${missing.join(', ')}`, needed, fix)
  },
}
