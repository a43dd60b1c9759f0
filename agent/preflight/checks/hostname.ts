import { type Check, fail, pass, warn } from '../check.ts'

const NEEDED = 'a name of letters, digits and hyphens that the machine itself can resolve'

export const hostname: Check = {
  id: 'hostname',
  title: 'Host name',
  run({ hostname: { name, inHosts } }) {
    const set = 'sudo hostnamectl set-hostname hub1'
    if (name === '' || name === '(none)') return fail('none', NEEDED, set)
    const valid = name.length <= 64 && name.split('.').every((part) => /^[a-z\d]([a-z\d-]{0,61}[a-z\d])?$/i.test(part))
    if (!valid) return fail(name, NEEDED, set)
    if (/^localhost(\.|$)/.test(name)) return warn(`${name}, which every machine is called`, NEEDED, set)
    if (inHosts === false) {
      return warn(
        `${name}, not in /etc/hosts: sudo and others wait for a name server`,
        NEEDED,
        `echo "127.0.1.1 ${name}" | sudo tee -a /etc/hosts`,
      )
    }
    return pass(name, NEEDED)
  },
}
