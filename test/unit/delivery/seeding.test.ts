import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { DeskMessage } from '../../../agent/contract/channel.ts'
import { seedingTicket } from '../../../agent/contract/seeding-ticket.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import type { Digest } from '../../../bundles/format/manifest.ts'
import { Seeding } from '../../../installer/delivery/seeding.ts'

/** Bytes, more than are on their way at any time. */
const LARGE = 50_000_000
const [L1, L2] = [digestOf('layer 1'), digestOf('layer 2')]

/** A run over these hosts, of which each is at work and has opened its port. */
function siteOf(...names: string[]) {
  const clock = { ms: 0 }
  const addressed = names.map((name, at) => ({ name, address: `10.0.0.${at + 1}` }))
  const seeding = new Seeding(addressed, () => clock.ms)
  const host = (name: string) => {
    const part = seeding.of(name)
    if (!part) throw new Error(`no host ${name}`)
    const told: DeskMessage[] = []
    const of = <T extends DeskMessage['type']>(type: T) =>
      told.filter((message): message is Extract<DeskMessage, { type: T }> => message.type === type)
    return {
      ...part,
      join(fingerprint = `print of ${name}`) {
        part.begin()
        part.linked((message) => told.push(message))
        part.hear({ type: 'seeding', port: 4000, fingerprint, secret: `secret of ${name}` })
      },
      link: () => part.linked((message) => told.push(message)),
      wants: (...digests: Digest[]) => part.hear({ type: 'wants', digests }),
      has: (...digests: Digest[]) => part.hear({ type: 'has', digests }),
      /** What the desk is to send it, it sends at once, far ahead of who follows. */
      ask(digest: Digest, ...without: string[]) {
        const source = part.sourceOf(digest, { offset: 0, without })
        if (source === undefined) part.sent(digest, LARGE)
        return source ?? 'desk'
      },
      slow: (digest: Digest, slow: string, offset = 0) =>
        part.sourceOf(digest, { offset, without: [], slow }) ?? 'desk',
      tried: (digest: Digest, quicker: boolean) => part.hear({ type: 'tried', digest, quicker }),
      peers: () => of('peers').at(-1)?.peers,
      released: () => of('release').flatMap(({ digests }) => digests),
    }
  }
  return { clock, hosts: names.map(host) as [Host, Host, Host, Host] }
  type Host = ReturnType<typeof host>
}

/** The same, all of them in. */
function joined(...names: string[]) {
  return timed(...names).hosts
}

function timed(...names: string[]) {
  const site = siteOf(...names)
  for (const host of site.hosts) host.join()
  return site
}

describe('who sends a blob', () => {
  it('is the desk for the first that asks, and a host that is getting it for the next', () => {
    const [a, b] = joined('a', 'b')
    expect(a.ask(L1)).toBe('desk')
    expect(b.ask(L1)).toBe('a')
    expect(b.ask(L2)).toBe('desk')
    expect(a.ask(L2)).toBe('b')
  })

  it('is the host with the fewest readers of it: they form a chain', () => {
    const [a, b, c, d] = joined('a', 'b', 'c', 'd')
    expect([a, b, c, d].map((host) => host.ask(L1))).toEqual(['desk', 'a', 'b', 'c'])
  })

  it('is, of two that have it, the one that hands on less', () => {
    const [a, b, c, d] = joined('a', 'b', 'c', 'd')
    a.has(L1, L2)
    b.has(L1, L2)
    expect(c.ask(L1)).toBe('a')
    expect(d.ask(L2)).toBe('b')
  })

  it('is none of those that the host cannot take it from', () => {
    const [a, b, c] = joined('a', 'b', 'c')
    a.has(L1)
    b.has(L1)
    expect(c.ask(L1, 'a')).toBe('b')
    expect(c.ask(L1, 'a', 'b')).toBe('desk')
  })

  it('is never a host that gets it from the one that asks', () => {
    const [a, b, c] = joined('a', 'b', 'c')
    a.ask(L1)
    b.ask(L1)
    c.ask(L1)
    // The desk's link to `a` broke, or the host before `b`: each asks anew.
    expect(a.ask(L1)).toBe('desk')
    expect(b.ask(L1, 'a')).toBe('desk')
    expect(c.ask(L1)).toBe('a')
    expect(a.ask(L1, 'b')).toBe('desk')
  })

  it('is no host that has ended, nor one whose link is down while the desk sends to it', () => {
    const [a, b, c] = joined('a', 'b', 'c')
    a.ask(L1)
    a.lost()
    expect(b.ask(L1)).toBe('desk')
    b.has(L1)
    b.end()
    expect(c.ask(L1)).toBe('desk')
  })

  it('is a host that has it although its link is down', () => {
    const [a, b] = joined('a', 'b')
    a.has(L1)
    a.lost()
    expect(b.ask(L1)).toBe('a')
  })

  it('is no host that has begun anew and has not asked again', () => {
    const [a, b] = joined('a', 'b')
    a.has(L1)
    a.join('another print')
    expect(b.ask(L1)).toBe('desk')
  })

  it('is no host without a port', () => {
    const { hosts } = siteOf('a', 'b')
    const [a, b] = hosts
    a.begin()
    a.link()
    b.join()
    a.has(L1)
    expect(b.ask(L1)).toBe('desk')
  })
})

describe('a host that is slow', () => {
  it('is left for another that has the blob whole', () => {
    const [a, b, c] = joined('a', 'b', 'c')
    a.ask(L1)
    c.ask(L1)
    b.has(L1)
    expect(c.slow(L1, 'a')).toBe('b')
  })

  it('is left for the desk when that proves quicker, and hands on nothing any more', () => {
    const [a, b, c] = joined('a', 'b', 'c')
    a.ask(L1)
    b.ask(L1)
    expect(b.slow(L1, 'a')).toBe('desk')
    expect(a.ask(L2)).toBe('desk')
    expect(c.ask(L2)).toBe('a')
    b.tried(L1, true)
    b.has(L1)
    expect(c.slow(L2, 'a')).toBe('desk')
    expect(c.ask(L1)).toBe('b')
  })

  it('is not to blame for what the desk has not sent it either: its link is busy with what was asked for before', () => {
    const [a, b, c] = joined('a', 'b', 'c')
    a.ask(L1)
    a.sent(L1, 5_000_000)
    a.sent(L2, 1_000)
    b.ask(L1)
    expect(c.ask(L1)).toBe('b')
    expect(c.slow(L1, 'b', 4_000_000)).toBe('b')
    expect(b.slow(L1, 'a', 5_000_000)).toBe('a')
    a.sent(L1, 15_000_000)
    a.sent(L2, 2_000)
    expect(b.slow(L1, 'a', 5_000_000)).toBe('desk')
  })

  it('may have a thin line to the desk itself, where it is being sent that very blob', () => {
    const [a, b] = joined('a', 'b')
    a.ask(L1)
    a.sent(L1, 5_000_000)
    b.ask(L1)
    expect(b.slow(L1, 'a', 4_000_000)).toBe('desk')
  })

  it('is kept when the desk is no quicker; it is tried again only after a while, each time a longer one', () => {
    const { hosts, clock } = timed('a', 'b', 'c')
    const [a, b, c] = hosts
    for (const pauseMs of [30_000, 60_000]) {
      a.ask(L1)
      b.ask(L1)
      expect(b.slow(L1, 'a')).toBe('desk')
      b.tried(L1, false)
      expect(b.ask(L1)).toBe('a')
      clock.ms += pauseMs - 1
      expect(b.slow(L1, 'a')).toBe('a')
      clock.ms += 1
    }
    expect(b.slow(L1, 'a')).toBe('desk')
    expect(c.ask(L2)).toBe('desk')
  })

  it('is tried by one host at a time', () => {
    const [a, b, c] = joined('a', 'b', 'c')
    a.ask(L1)
    b.ask(L1)
    c.ask(L1)
    expect(b.slow(L1, 'a')).toBe('desk')
    expect(c.slow(L1, 'b')).toBe('b')
  })

  it('is the one that the desk sends to, not who only follows it', () => {
    const [a, b, c] = joined('a', 'b', 'c')
    a.ask(L1)
    b.ask(L1)
    expect(c.ask(L1)).toBe('b')
    expect(c.slow(L1, 'b')).toBe('desk')
    c.tried(L1, true)
    c.has(L1)
    b.has(L2)
    expect(c.ask(L2)).toBe('b')
    expect(b.slow(L1, 'a')).toBe('c')
  })

  it('is not proven by a trial that ended before it was known, nor by one of a host that ended', () => {
    const [a, b, c] = joined('a', 'b', 'c')
    a.ask(L1)
    b.ask(L1)
    c.ask(L1)
    expect(b.slow(L1, 'a')).toBe('desk')
    b.has(L1)
    a.ask(L2)
    expect(c.ask(L2)).toBe('a')
    expect(c.slow(L2, 'a')).toBe('desk')
    c.end()
    expect(b.ask(L2)).toBe('a')
    expect(b.slow(L2, 'a')).toBe('desk')
  })
})

describe('peers', () => {
  it('are told to each host as they come: all the others, with a ticket for this host alone', () => {
    const { hosts } = siteOf('a', 'b')
    const [a, b] = hosts
    a.join()
    expect(a.peers()).toEqual([])
    b.join()
    const [toA, toB] = [seedingTicket('secret of a', 'print of b'), seedingTicket('secret of b', 'print of a')]
    const b1 = { host: 'b', address: '10.0.0.2', port: 4000, fingerprint: 'print of b', ticket: toB }
    expect(a.peers()).toEqual([b1])
    expect(b.peers()).toEqual([{ ...b1, host: 'a', address: '10.0.0.1', fingerprint: 'print of a', ticket: toA }])
  })

  it('are told again to a host whose link came back', () => {
    const [a, b] = joined('a', 'b')
    a.lost()
    b.join('another print')
    a.link()
    expect(a.peers()).toMatchObject([{ fingerprint: 'another print' }])
  })
})

describe('release', () => {
  it('is told to holders when every host that wants a blob has it', () => {
    const [a, b] = joined('a', 'b')
    a.wants(L1)
    b.wants(L1)
    a.has(L1)
    expect(a.released()).toEqual([])
    b.has(L1)
    expect(a.released()).toEqual([L1])
    expect(b.released()).toEqual([L1])
  })

  it('waits for hosts that have not said what they want, also those whose turn has not come', () => {
    const { hosts } = siteOf('a', 'b', 'c')
    const [a, b, c] = hosts
    a.join()
    b.join()
    a.wants(L1)
    a.has(L1)
    b.wants()
    expect(a.released()).toEqual([])
    c.join()
    c.wants(L2)
    expect(a.released()).toEqual([L1])
  })

  it('waits for a host that takes more than it said', () => {
    const [a, b] = joined('a', 'b')
    b.wants()
    b.ask(L1)
    a.has(L1)
    expect(a.released()).toEqual([])
    b.has(L1)
    expect(a.released()).toEqual([L1])
  })

  it('waits for no host that has ended', () => {
    const [a, b] = joined('a', 'b')
    a.has(L1)
    b.wants(L1)
    b.end()
    expect(a.released()).toEqual([L1])
  })

  it('is told when the link comes back, where it was down', () => {
    const [a, b] = joined('a', 'b')
    a.has(L1)
    a.lost()
    b.wants()
    a.link()
    expect(a.released()).toEqual([L1])
  })

  it('is told once', () => {
    const [a, b] = joined('a', 'b')
    a.has(L1)
    b.wants()
    b.wants()
    expect(a.released()).toEqual([L1])
  })

  it('leaves nobody who would be sent to where it is gone', () => {
    const [a, b] = joined('a', 'b')
    a.has(L1)
    b.wants()
    expect(b.ask(L1)).toBe('desk')
  })
})

describe('unneeded', () => {
  const settles = async (promise: Promise<void>) => {
    let settled = false
    void promise.then(() => (settled = true))
    await delay(250)
    return settled
  }
  const never = new AbortController().signal

  it('waits until the others at work have all that they want', async () => {
    const [a, b] = joined('a', 'b')
    b.wants(L1)
    expect(await settles(a.unneeded(never))).toBe(false)
    b.has(L1)
    expect(await settles(a.unneeded(never))).toBe(true)
  })

  it('waits for a host whose turn has not come: it would have to ask the desk for what this one has', async () => {
    const { hosts } = siteOf('a', 'b')
    const [a, b] = hosts
    a.join()
    a.has(L1)
    expect(await settles(a.unneeded(never))).toBe(false)
    b.join()
    b.wants(L1)
    expect(b.ask(L1)).toBe('a')
    b.has(L1)
    expect(await settles(a.unneeded(never))).toBe(true)
  })

  it('waits for no host that ended, or whose link is down', async () => {
    const [a, b, c] = joined('a', 'b', 'c')
    b.end()
    c.lost()
    expect(await settles(a.unneeded(never))).toBe(true)
  })

  it('waits for nobody where nothing is handed on', async () => {
    const { hosts } = siteOf('a', 'b')
    const [a, b] = hosts
    a.begin()
    a.link()
    b.join()
    expect(await settles(a.unneeded(never))).toBe(true)
  })

  it('ends when the person stops the run', async () => {
    const [a] = joined('a', 'b')
    const stop = new AbortController()
    const waiting = a.unneeded(stop.signal)
    stop.abort()
    expect(await settles(waiting)).toBe(true)
  })
})
