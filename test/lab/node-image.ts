import { join } from 'node:path'
import { debLines } from './apt-sources.ts'
import { inputsKey } from './cache.ts'
import type { LabImage } from './image.ts'
import { importRootfs } from './rootfs.ts'

/** Debian releases that lab nodes run: the first is the one to use where the release does not matter. */
export const nodeSuites = ['trixie', 'bookworm'] as const
export type NodeSuite = (typeof nodeSuites)[number]

const folder = join(import.meta.dirname, 'nodes')

/** What a server installed from Debian's own installer has, and little more: no Docker, no curl, no Python. */
const packages = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'libpam-systemd',
  'libnss-myhostname',
  'openssh-server',
  'sudo',
  'iproute2',
  'iptables',
  'iputils-ping',
  'procps',
  'kmod',
  'ca-certificates',
  'netbase',
  'e2fsprogs',
]

/**
 * The image of a host for the tests: Debian with systemd, sshd and the users root, ops (sudo without password), sudoer
 * (sudo with one) and nosudo.
 */
export function nodeImage(suite: NodeSuite): LabImage {
  const tag = `mojabox-lab/node:${suite}`
  const key = inputsKey([folder, join(import.meta.dirname, 'rootfs.ts')], {
    packages: packages.join(' '),
    sources: debLines(suite).join('\n'),
  })
  const customize = [`${join(folder, 'prepare-rootfs')} "$1"`]
  const changes = ['CMD ["/usr/local/sbin/lab-init"]', 'ENV container=docker']
  return { tag, key, build: () => importRootfs({ tag, key, suite, packages, customize, changes }) }
}
