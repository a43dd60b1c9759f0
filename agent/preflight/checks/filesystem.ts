import type { DiskFacts, Facts } from '../../contract/facts.ts'
import { NODE_PATHS } from '../../contract/paths.ts'
import { type Check, type Finding, fail, pass, warn } from '../check.ts'

const NEEDED = 'a local disk that can be written to (ext4, xfs, btrfs, zfs) and run programs from'
const REMOTE = ['nfs', 'nfs4', 'cifs', 'smb3', 'smbfs', '9p', 'afs', 'ceph', 'glusterfs', 'fuse.sshfs']
const WITHOUT_RIGHTS = ['vfat', 'msdos', 'exfat', 'ntfs', 'ntfs3', 'fuseblk']
const CANNOT_STACK = ['overlay', 'aufs', 'ecryptfs', 'fuse-overlayfs', 'fuse.fuse-overlayfs']
const VANISHES = ['tmpfs', 'ramfs']

/** The kind of file system where data will lie, and how it is mounted. */
export const filesystem: Check = {
  id: 'filesystem',
  title: 'Kind of disk',
  run(facts, { disk }) {
    // The folder of mojabox is written to by every install, even where nothing has to be stored.
    const paths = new Set([NODE_PATHS.root, ...disk.map((need) => need.path)])
    const disks = facts.disks.filter((one) => paths.has(one.path) || one.path === facts.docker?.rootDir)
    const findings = disks.map((one) => judge(one, facts)).filter((finding) => finding !== undefined)
    const worst = findings.find((finding) => finding.status === 'fail') ?? findings[0]
    if (worst) return worst
    if (disks.length === 0) return warn('could not be read', NEEDED, 'compare with: findmnt')
    const kinds = [...new Set(disks.map((one) => `${one.type} on ${one.mountPoint}`))]
    return pass(kinds.join(', '), NEEDED)
  },
}

function judge(one: DiskFacts, facts: Facts): Finding | undefined {
  const on = one.path === one.mountPoint ? 'is' : `lies on ${one.mountPoint}:`
  const where = `${one.path} ${on} ${one.type} (${one.device})`
  const mountAt = `mount a disk with ext4 at ${one.path}: see with findmnt -T ${one.existingPath}`
  const forDocker = holdsImages(one, facts)
  if (one.readOnly)
    return fail(`${where}, which is read-only`, NEEDED, `make it writable: sudo mount -o remount,rw ${one.mountPoint}`)
  if (REMOTE.includes(one.type)) return fail(`${where}, which is on the network`, NEEDED, mountAt)
  if (WITHOUT_RIGHTS.includes(one.type)) return fail(`${where}, which keeps no owners and rights`, NEEDED, mountAt)
  if (one.options.includes('noexec') && (forDocker || one.path.startsWith(NODE_PATHS.root))) {
    return fail(
      `${where}, mounted noexec: no program may run from it`,
      NEEDED,
      `sudo mount -o remount,exec ${one.mountPoint} (and in /etc/fstab)`,
    )
  }
  if (one.xfsFtype === false && forDocker) {
    return fail(
      `${where}, made without ftype=1, which Docker needs`,
      NEEDED,
      `mount a disk with ext4, or with xfs made with ftype=1, at ${one.path}: see with xfs_info ${one.mountPoint}`,
    )
  }
  if (VANISHES.includes(one.type))
    return warn(`${where}, which is memory: all is lost when the machine restarts`, NEEDED, mountAt)
  if (CANNOT_STACK.includes(one.type) && forDocker) {
    return warn(`${where}, on which Docker is slow and takes several times the room`, NEEDED, mountAt)
  }
  if (one.options.includes('nosuid') && forDocker) {
    return warn(
      `${where}, mounted nosuid: some containers may not work`,
      NEEDED,
      `sudo mount -o remount,suid ${one.mountPoint} (and in /etc/fstab)`,
    )
  }
  return undefined
}

function holdsImages(one: DiskFacts, { docker }: Facts): boolean {
  return one.path === (docker?.rootDir ?? '/var/lib/docker') || one.path === '/var/lib/containerd'
}
