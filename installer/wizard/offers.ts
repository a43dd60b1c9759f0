import { diskSize, memorySize } from '../../agent/preflight/amounts.ts'
import type { Glance } from '../fleet/glance.ts'
import { type Draft, hostsOf, hostText } from './draft.ts'
import type { ProfileOffer } from './profile-offers.ts'
import type { World } from './step.ts'

/** Every profile that some bundle offers, as the newest of them describes it. */
export function offersOf({ search }: Pick<World, 'search'>): ProfileOffer[] {
  const offers = new Map<string, ProfileOffer>()
  for (const { profiles } of search.bundles) {
    for (const offer of profiles) if (!offers.has(offer.name)) offers.set(offer.name, offer)
  }
  return [...offers.values()]
}

/**
 * Where a host has less memory than a profile needs; undefined when all have enough, as far as was seen. Disk is the
 * checks' to judge: what the host has of the bundle already is not needed again.
 */
export function lackOf(
  offer: ProfileOffer,
  draft: Draft,
  world: World,
): { host: string; found: string; needed: string; next: string } | undefined {
  for (const host of hostsOf(draft)) {
    const name = hostText(host)
    const glance = world.glances.get(name)
    if (!glance) continue
    const memory = glance.memoryBytes
    if (memory !== null && memory < offer.memoryBytes.fail) {
      return {
        host: name,
        found: `${memorySize(memory, 'down')} of memory`,
        needed: `${memorySize(offer.memoryBytes.fail, 'up')} of memory`,
        next: 'choose a smaller profile, or another host; or give the host more memory and begin again: mojabox',
      }
    }
  }
  return undefined
}

/** `memory 3.3 GiB, disk 5.4 GB` */
export function needsText({ memoryBytes, diskBytes }: ProfileOffer): string {
  return `memory ${memorySize(memoryBytes.fail, 'up')}, disk ${diskSize(diskBytes, 'up')}`
}

/** What a host has, beside which a profile's needs are shown. */
export function hasText({ memoryBytes, freeDiskBytes, cores, system }: Glance): string {
  const parts = [
    memoryBytes === null ? 'memory unknown' : `memory ${memorySize(memoryBytes, 'down')}`,
    freeDiskBytes === null ? 'free disk unknown' : `free disk ${diskSize(freeDiskBytes, 'down')}`,
    ...(cores === null ? [] : [`${cores} core${cores === 1 ? '' : 's'}`]),
    ...(system === null ? [] : [system]),
  ]
  return parts.join(', ')
}
