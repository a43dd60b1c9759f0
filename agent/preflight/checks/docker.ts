import type { DockerFacts, Facts } from '../../contract/facts.ts'
import { NODE_PATHS } from '../../contract/paths.ts'
import { type Check, type Finding, fail, pass, warn } from '../check.ts'
import type { Requirements } from '../requirements.ts'
import { isAtLeast } from '../version-order.ts'

const SLOW_DRIVERS = ['vfs', 'devicemapper', 'aufs', 'overlay']

/** A Docker that is there is used as it is when good enough; never replaced, never upgraded. */
export const docker: Check = {
  id: 'docker',
  title: 'Docker',
  run(facts, { docker: needs }) {
    const needed = `none, or Docker ${needs.minVersion} with Compose ${needs.minComposeVersion} or newer`
    const have = facts.docker
    if (have === null) return pass('none: it will be installed from the bundle', needed)
    if (needs.installing && (have.running !== true || have.composeVersion === null)) {
      return pass('from the bundle, not ready yet: its installation will be finished', needed)
    }
    if (have.podman) {
      return fail(
        'podman under the name of Docker',
        needed,
        'remove the stand-in: sudo apt-get remove podman-docker (podman itself may stay)',
      )
    }
    if (!have.installed) {
      return warn(
        'a Docker client without its daemon',
        needed,
        'remove the client so that the bundle can bring its own, or install the daemon: see with docker version',
      )
    }
    if (have.running === null) {
      return warn(
        'there, but it did not answer this user',
        needed,
        'run the same command with sudo in front, or see with sudo docker info',
      )
    }
    if (!have.running) {
      const version = have.serverVersion ? ` ${have.serverVersion}` : ''
      return fail(
        `Docker${version}, not running`,
        needed,
        'start it: sudo systemctl enable --now docker; if it does not start: sudo journalctl -u docker -n 50',
      )
    }
    return judgeRunning(have, facts, needs, needed)
  },
}

function judgeRunning(have: DockerFacts, { os }: Facts, needs: Requirements['docker'], needed: string): Finding {
  const version = have.serverVersion ?? 'of unknown version'
  if (!isAtLeast(version, needs.minVersion)) {
    return fail(
      `Docker ${version}`,
      needed,
      'upgrade it by your own ways (mojabox never replaces it), or remove it so that the bundle can bring its own',
    )
  }
  if (have.rootDir?.startsWith('/var/snap/')) {
    return fail(
      `Docker ${version} as a snap, which cannot read ${NODE_PATHS.root}`,
      needed,
      'remove it so that the bundle can bring its own: sudo snap remove docker (this removes its containers too)',
    )
  }
  if (have.composeVersion === null) {
    return fail(
      `Docker ${version} without Compose`,
      needed,
      `add the package ${composePackage(os)}, then try: docker compose version`,
    )
  }
  if (!isAtLeast(have.composeVersion, needs.minComposeVersion)) {
    return fail(
      `Docker ${version} with Compose ${have.composeVersion}`,
      needed,
      `upgrade the package ${composePackage(os)}, then try: docker compose version`,
    )
  }
  const others = (have.containers?.total ?? 0) - (have.containers?.ours ?? 0)
  const kept = others > 0 ? `; its ${others} other container${others === 1 ? '' : 's'} stay untouched` : ''
  const found = `Docker ${version} (${have.storageDriver}, ${have.imageStore} image store) with Compose ${have.composeVersion}, reused${kept}`
  if (have.storageDriver !== null && SLOW_DRIVERS.includes(have.storageDriver)) {
    return warn(
      found,
      `${needed}, keeping images with overlay2`,
      `put ${have.rootDir ?? '/var/lib/docker'} on a disk with ext4 or xfs: ${have.storageDriver} is slow and takes several times the room`,
    )
  }
  return pass(found, needed)
}

function composePackage(os: Facts['os']): string {
  if (os?.id === 'ubuntu') return 'docker-compose-v2'
  if (os?.id === 'debian' && Number(os.versionId) >= 13) return 'docker-compose'
  return 'docker-compose-plugin'
}
