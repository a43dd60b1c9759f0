import { type Check, fail, pass, warn } from '../check.ts'

/** Whether the bundle carries packages for this system; needed only where Docker is still missing. */
export const os: Check = {
  id: 'os',
  title: 'Operating system',
  run({ os: have, docker }, { distributions }) {
    const needed = distributions.length > 0 ? distributions.join(', ') : 'any Linux that has Docker already'
    const found = have?.prettyName ?? 'could not be read'
    if (have && distributions.includes(have.key)) return pass(found, needed)
    if (docker?.installed)
      return warn(
        `${found}, which the bundle has no packages for; Docker is there already`,
        needed,
        'nothing to do now; a later upgrade of Docker is yours to do',
      )
    if (have === null) return warn(found, needed, 'compare with: cat /etc/os-release')
    return fail(
      `${found}, which the bundle has no packages for`,
      needed,
      `install Docker and Compose on it yourself, or build the bundle with ${have.key}: mojabox bundle build`,
    )
  },
}
