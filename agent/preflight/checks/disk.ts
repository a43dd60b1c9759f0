import type { DiskFacts, Facts } from '../../contract/facts.ts'
import { diskSize } from '../amounts.ts'
import { type Check, fail, pass, warn } from '../check.ts'
import type { DiskNeed } from '../requirements.ts'

interface Share {
  disk: DiskFacts
  needs: DiskNeed[]
}

/** Free room where the data will lie; paths on one file system are added up. */
export const disk: Check = {
  id: 'disk',
  title: 'Free disk space',
  run(facts, { disk: needs }) {
    if (needs.length === 0) return pass('nothing to store', 'nothing')
    const shares = sharesOf(facts, needs)
    const unseen = needs.filter((need) => !facts.disks.some((one) => one.path === need.path))
    const short = shares.filter((share) => bytesOf(share) > share.disk.freeBytes)
    if (short.length > 0) return fail(join(short, foundText), join(short, neededText), join(short, fixText))
    const crowded = shares.filter(({ disk: one, needs }) => one.inodesFree !== null && inodesOf(needs) > one.inodesFree)
    if (crowded.length > 0)
      return fail(join(crowded, inodesFound), join(crowded, inodesNeeded), join(crowded, inodesFix))
    if (unseen.length > 0) {
      const paths = unseen.map((need) => need.path)
      return warn(`could not look at ${paths.join(', ')}`, wanted(needs), `compare with: df -h ${paths.join(' ')}`)
    }
    return pass(join(shares, foundText), join(shares, neededText))
  },
}

function sharesOf(facts: Facts, needs: readonly DiskNeed[]): Share[] {
  const shares = new Map<string, Share>()
  for (const need of needs) {
    const found = facts.disks.find((one) => one.path === need.path)
    if (!found) continue
    const share = shares.get(found.filesystem) ?? { disk: found, needs: [] }
    share.needs.push(need)
    shares.set(found.filesystem, share)
  }
  return [...shares.values()]
}

function join(shares: readonly Share[], text: (share: Share) => string): string {
  return shares.map(text).join('; ')
}

function bytesOf({ needs }: Share): number {
  return needs.reduce((sum, need) => sum + need.bytes, 0)
}

function inodesOf(needs: readonly DiskNeed[]): number {
  return needs.reduce((sum, need) => sum + need.inodes, 0)
}

function place({ disk: one }: Share): string {
  return `${one.mountPoint} (${one.type}, ${one.device})`
}

function foundText(share: Share): string {
  return `${diskSize(share.disk.freeBytes, 'down')} free on ${place(share)}`
}

function wanted(needs: readonly DiskNeed[]): string {
  const total = diskSize(
    needs.reduce((sum, need) => sum + need.bytes, 0),
    'up',
  )
  const parts = needs.filter((need) => need.bytes > 0)
  if (parts.length === 1) return `${total} for ${parts[0]?.purpose}`
  return `${total}: ${parts.map((need) => `${need.purpose} ${diskSize(need.bytes)}`).join(', ')}`
}

function neededText(share: Share): string {
  return `${wanted(share.needs)} (on ${share.disk.mountPoint})`
}

function fixText(share: Share): string {
  const missing = diskSize(bytesOf(share) - share.disk.freeBytes, 'up')
  const largest = [...share.needs].sort((a, b) => b.bytes - a.bytes)[0]
  return `free ${missing} on ${share.disk.mountPoint}, or mount a larger disk at ${largest?.path}; what takes the room: sudo du -xh --max-depth=2 ${share.disk.mountPoint} | sort -h | tail`
}

function inodesFound(share: Share): string {
  return `room for ${share.disk.inodesFree} more files on ${place(share)}`
}

function inodesNeeded(share: Share): string {
  return `room for about ${inodesOf(share.needs)} files`
}

function inodesFix({ disk: one }: Share): string {
  return `remove small files you do not need from ${one.mountPoint}: see with df -i ${one.mountPoint}, and with sudo du -x --inodes --max-depth=2 ${one.mountPoint} | sort -n | tail`
}
