import { setTimeout as delay } from 'node:timers/promises'
import type { DeskMessage, NodeMessage } from '../../agent/contract/channel.ts'
import { seedingTicket } from '../../agent/contract/seeding-ticket.ts'
import type { Digest } from '../../bundles/format/manifest.ts'
import { DeskTrial } from './desk-trial.ts'

type Tell = (message: DeskMessage) => void
/** What a node says about the blobs that it passes on. */
export type SeedingMessage = Extract<NodeMessage, { type: 'seeding' | 'wants' | 'has' | 'tried' }>

/** What a host says when it asks for a blob. */
export type SourceWish = Pick<Extract<NodeMessage, { type: 'get' }>, 'offset' | 'without' | 'slow'>

const DESK = Symbol('desk')
/** Who hands on a blob that it is getting itself may be so far behind the desk: on its way there, and on from there. */
const UNDERWAY_BYTES = 4 * 1024 * 1024

/** What the desk knows of one host. */
class Member {
  readonly host: string
  readonly address: string
  /** To its engine, while the link is up. */
  tell: Tell | undefined
  state: 'waiting' | 'begun' | 'ended' = 'waiting'
  listener: { port: number; fingerprint: string; secret: string } | undefined
  /** Undefined as long as it has not said: it may want anything. */
  wants: Set<Digest> | undefined
  readonly has = new Set<Digest>()
  /** Blobs on their way to it, and from whom. */
  readonly sources = new Map<Digest, Member | typeof DESK>()
  /** Up to where the desk has sent it what comes from there. */
  readonly sent = new Map<Digest, number>()
  /** What of that is being sent now: one after the other. */
  sending: Digest | undefined
  /** What it was told that nobody else wants. */
  readonly released = new Set<Digest>()
  /** The desk was much quicker than it. */
  isSlow = false
  #linked = false

  constructor(host: string, address: string) {
    this.host = host
    this.address = address
  }

  set link(tell: Tell | undefined) {
    this.#linked ||= tell !== undefined
    this.tell = tell
  }

  /** Whether it may still ask for this blob. */
  wantsBlob(digest: Digest): boolean {
    if (this.state === 'ended') return false
    if (this.sources.has(digest) || this.wants === undefined) return true
    return this.wants.has(digest) && !this.has.has(digest)
  }

  /** Whether others should wait for it: its turn comes yet, or it is at work, can be spoken to, and lacks something. */
  get isHungry(): boolean {
    if (this.state === 'ended' || (this.#linked && this.tell === undefined)) return false
    return this.wants === undefined || [...this.wants].some((digest) => !this.has.has(digest))
  }

  /** Another engine took the place of the one that was: what that one had is not known of this one. */
  beginAnew(): void {
    this.has.clear()
    this.sources.clear()
    this.sent.clear()
    this.sending = undefined
    this.released.clear()
    this.wants = undefined
  }
}

/** One host's end of it, for the session with that host. */
export interface HostSeeding {
  /** Begins when the host's turn has come. */
  begin(): void
  /** Its engine can be told things, until `lost`. */
  linked(tell: Tell): void
  lost(): void
  hear(message: SeedingMessage): void
  /** The host from which this one is to take a blob; undefined when it is the desk's to send. */
  sourceOf(digest: Digest, wish: SourceWish): string | undefined
  /** The desk has sent it so much of a blob, counted from the blob's beginning. */
  sent(digest: Digest, endBytes: number): void
  /** Resolves when no other host wants anything that this one might have; its turn has to be left for them to come. */
  unneeded(signal: AbortSignal): Promise<void>
  /** It is done, or has failed. */
  end(): void
}

const LOOK_EVERY_MS = 100

/**
 * Who has which blob, over all hosts of a run: each leaves the desk once, for the first that asks; who asks later is
 * sent to a host that has it or is getting it. A holder is told when nobody else wants a blob any more.
 */
export class Seeding {
  readonly #members: Map<string, Member>
  readonly #trial: DeskTrial<Member>

  /** @param hosts names, and the addresses by which they reach each other */
  constructor(hosts: readonly { name: string; address: string }[], nowMs: () => number = () => performance.now()) {
    this.#trial = new DeskTrial(nowMs)
    this.#members = new Map(hosts.map(({ name, address }) => [name, new Member(name, address)]))
  }

  /** Undefined for a host that takes no part. */
  of(host: string): (HostSeeding & { address: string }) | undefined {
    const member = this.#members.get(host)
    if (!member) return undefined
    return {
      address: member.address,
      begin: () => {
        member.state = 'begun'
      },
      linked: (tell) => {
        member.link = tell
        this.#tellPeers(member)
        this.#release()
      },
      lost: () => {
        member.link = undefined
      },
      hear: (message) => this.#hear(member, message),
      sourceOf: (digest, wish) => this.#sourceOf(member, digest, wish),
      sent: (digest, endBytes) => {
        member.sent.set(digest, endBytes)
        member.sending = digest
      },
      unneeded: async (signal) => {
        if (!member.listener) return
        while (!signal.aborted && this.#others(member).some((other) => other.isHungry)) await delay(LOOK_EVERY_MS)
      },
      end: () => {
        member.state = 'ended'
        member.link = undefined
        member.sources.clear()
        this.#trial.left(member)
        this.#release()
      },
    }
  }

  #others(member: Member): Member[] {
    return [...this.#members.values()].filter((other) => other !== member)
  }

  #hear(member: Member, message: SeedingMessage): void {
    switch (message.type) {
      case 'seeding': {
        const { port, fingerprint, secret } = message
        if (member.listener && member.listener.fingerprint !== fingerprint) member.beginAnew()
        member.listener = { port, fingerprint, secret }
        for (const each of this.#members.values()) this.#tellPeers(each)
        return
      }
      case 'wants':
        member.wants = new Set(message.digests)
        this.#release()
        return
      case 'has':
        for (const digest of message.digests) {
          member.has.add(digest)
          member.sources.delete(digest)
          member.sent.delete(digest)
          this.#trial.left(member, digest)
        }
        this.#release(message.digests)
        return
      case 'tried': {
        const slow = this.#trial.tried(member, message.digest, message.quicker)
        if (slow) slow.isSlow = true
      }
    }
  }

  #tellPeers(member: Member): void {
    const { listener: own } = member
    if (!own) return
    const peers = this.#others(member).flatMap(({ host, address, listener, state }) => {
      if (!listener || state === 'ended') return []
      const { port, fingerprint, secret } = listener
      return [{ host, address, port, fingerprint, ticket: seedingTicket(secret, own.fingerprint) }]
    })
    member.tell?.({ type: 'peers', peers })
  }

  #sourceOf(member: Member, digest: Digest, wish: SourceWish): string | undefined {
    this.#trial.left(member, digest)
    const suspect = wish.slow === undefined ? undefined : this.#members.get(wish.slow)
    // Of the slow host's own sources the last is as much to blame.
    const slow = suspect && originOf(suspect, digest)
    member.sources.delete(digest)
    member.has.delete(digest)
    member.released.delete(digest)
    const source =
      suspect && slow ? this.#better(member, digest, wish, suspect, slow) : this.#best(member, digest, wish)
    member.sources.set(digest, source ?? DESK)
    member.sent.set(digest, wish.offset)
    return source?.host
  }

  /** The one with the fewest readers of this blob, so that they form a chain and no host sends it to all. */
  #best(member: Member, digest: Digest, { without = [] }: SourceWish): Member | undefined {
    const [best] = this.#others(member)
      .filter((other) => !other.isSlow && !without.includes(other.host))
      .filter((other) => canGive(other, digest) && !follows(other, member, digest))
      .map((other) => ({ other, cost: this.#cost(other, digest) }))
      .sort((left, right) => left.cost - right.cost)
    return best?.other
  }

  /** In place of a host that is slow: another that has the blob whole, the slow one for all that, or the desk for a trial. */
  #better(
    member: Member,
    digest: Digest,
    { offset, without = [] }: SourceWish,
    suspect: Member,
    slow: Member,
  ): Member | undefined {
    const whole = this.#others(member)
      .filter((other) => other !== suspect && other !== slow && !other.isSlow && !without.includes(other.host))
      .find((other) => other.has.has(digest) && canGive(other, digest))
    if (whole) return whole
    const mayFollow = !slow.isSlow && canGive(suspect, digest) && !follows(suspect, member, digest)
    if (!mayFollow) return undefined
    if (waitsForDesk(slow, digest, offset)) return suspect
    return this.#trial.begin({ member, digest, slow }) ? undefined : suspect
  }

  /** Readers of the blob count before readers of others. */
  #cost(member: Member, digest: Digest): number {
    let ofBlob = 0
    let ofAll = 0
    for (const { sources } of this.#members.values()) {
      for (const [each, source] of sources) {
        if (source !== member) continue
        ofAll += 1
        if (each === digest) ofBlob += 1
      }
    }
    return ofBlob * 10_000 + ofAll
  }

  /** Tells holders what nobody else wants any more: of these blobs, or of all. */
  #release(digests?: readonly Digest[]): void {
    for (const member of this.#members.values()) {
      if (!member.tell) continue
      const others = this.#others(member)
      const free = (digests ?? [...member.has]).filter(
        (digest) =>
          member.has.has(digest) && !member.released.has(digest) && !others.some((other) => other.wantsBlob(digest)),
      )
      if (free.length === 0) continue
      for (const digest of free) member.released.add(digest)
      member.tell({ type: 'release', digests: free })
    }
  }
}

/** It has the blob, or is getting it; from the desk only as long as its link is up. */
function canGive({ state, listener, has, sources, tell, released }: Member, digest: Digest): boolean {
  if (state !== 'begun' || !listener || released.has(digest)) return false
  if (has.has(digest)) return true
  const source = sources.get(digest)
  return source !== undefined && (source !== DESK || tell !== undefined)
}

/**
 * Whether nothing better can be had of it: the desk is busy sending it what it asked for before. Where this very blob is
 * on its way and yet no more has come, its own line may be thin.
 */
function waitsForDesk({ sources, sent, sending }: Member, digest: Digest, offset: number): boolean {
  const isNext = sources.get(digest) === DESK && sending !== digest
  return isNext && (sent.get(digest) ?? 0) - offset <= UNDERWAY_BYTES
}

/** Whom the blob comes from in the end: one that has it whole, or gets it from the desk. */
function originOf(member: Member, digest: Digest): Member {
  let at = member
  for (;;) {
    const source = at.sources.get(digest)
    if (source === undefined || source === DESK) return at
    at = source
  }
}

/** Whether what `member` gets of the blob comes, in the end, from `target`. */
function follows(member: Member, target: Member, digest: Digest): boolean {
  let at: Member | typeof DESK | undefined = member
  while (at !== undefined && at !== DESK) {
    if (at === target) return true
    at = at.sources.get(digest)
  }
  return false
}
