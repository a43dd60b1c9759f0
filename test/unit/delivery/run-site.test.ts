import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { Event } from '../../../agent/contract/events.ts'
import { type ErrorFacts, EXIT_CODES, factsOf, MojaboxError } from '../../../bundles/format/error.ts'
import { runSite, type SiteRun } from '../../../installer/actions/run-site.ts'
import { Site } from '../../../installer/site/site.ts'
import { clockToPutForward } from '../put-forward.ts'
import { eventually } from '../service/fake-desk.ts'
import { asksDigest, FakeNode } from './fake-node.ts'

// The pause between two tries to connect is shortened; every other wait is what it is.
vi.mock('node:timers/promises', async (original) => {
  const real = await original<typeof import('node:timers/promises')>()
  const setTimeout: typeof real.setTimeout = (ms, value, options) =>
    real.setTimeout(ms === 2_000 ? 30 : ms, value, options)
  return { ...real, default: { ...real, setTimeout }, setTimeout }
})

const EXECUTABLE = {
  sha256: 'a'.repeat(64),
  sizeBytes: 3,
  packed: undefined,
  open: () => Readable.from([Buffer.from('abc')]),
}

function siteOf(...names: string[]): Site {
  return Site.parse({
    version: 1,
    site: 'kigali',
    deployment: 'core-test-harness',
    profile: 'central-ledger',
    bundle: 'bundle.tar',
    hosts: names.map((name) => ({ name, address: `${name}.lan`, user: 'ops' })),
  })
}

function run(nodes: Record<string, FakeNode>, changes: Partial<SiteRun> = {}) {
  const events: Event[] = []
  const asked: string[] = []
  const done = runSite({
    site: siteOf(...Object.keys(nodes)),
    verb: 'install',
    bundle: undefined,
    executables: {
      for: async (architecture) => {
        asked.push(architecture)
        return EXECUTABLE
      },
    },
    reach: async (host) => nodes[host.name]?.connect(host.name) as ReturnType<FakeNode['connect']>,
    skipChecks: [],
    levels: ['services'],
    composeOverrides: [],
    showConfig: false,
    deleteData: false,
    onEvent: (event) => events.push(event),
    signal: new AbortController().signal,
    ...changes,
  })
  return { done, events, asked }
}

const host = (code: string): MojaboxError => new MojaboxError({ code, kind: 'host', message: `${code}!` })
const stepFailure: ErrorFacts = { code: 'disk-full', kind: 'step', message: 'the disk is full' }
const exitOf = (error: unknown) => (error === undefined ? 0 : EXIT_CODES[factsOf(error).kind])
const finished = (events: Event[]) => events.filter((event) => event.type === 'run-finished')

describe('runSite', () => {
  it('does the verb on every host, each with its own order', async () => {
    const nodes = { n1: new FakeNode(), n2: new FakeNode() }
    const { done, events, asked } = run(nodes, { skipChecks: ['memory'], deleteData: true })
    expect(await done).toBeUndefined()
    const orders = await Promise.all(Object.values(nodes).map((node) => node.attachments[0]?.hello()))
    expect(orders.map((hello) => hello?.order)).toMatchObject([
      { host: 'n1', site: 'kigali', verb: 'install', skipChecks: ['memory'], deleteData: true, levels: ['services'] },
      { host: 'n2' },
    ])
    expect(asked).toEqual(['amd64', 'amd64'])
    expect(finished(events)).toHaveLength(2)
    expect(Object.values(nodes).map((node) => node.closed)).toEqual([1, 1])
  })

  it('puts no secret into an order: references at most', async () => {
    const node = new FakeNode()
    const site = Site.parse({
      ...siteOf('n1'),
      hosts: [{ name: 'n1', address: 'n1', user: 'ops', password: 'env:PASSWORD', sudo: { password: 'file:/secret' } }],
    })
    await run({ n1: node }, { site }).done
    const text = JSON.stringify(node.attachments[0]?.heard)
    expect(text).not.toContain('PASSWORD')
    expect(text).not.toContain('/secret')
  })

  it('gives one host’s failure as it is', async () => {
    const node = new FakeNode()
    node.play = async (attachment) => {
      attachment.finish(await attachment.welcome(), { outcome: 'failed', error: stepFailure })
    }
    const { done, events } = run({ n1: node })
    const error = await done
    expect(factsOf(error)).toEqual(stepFailure)
    expect(exitOf(error)).toBe(8)
    expect(finished(events)).toHaveLength(1)
  })

  it('never takes a failed run for a good one, also when the node does not say why', async () => {
    const node = new FakeNode()
    node.play = async (attachment) => {
      attachment.finish(await attachment.welcome(), { outcome: 'failed' })
    }
    expect(await run({ n1: node }).done).toBeDefined()
  })

  it('ends partial when some hosts failed and some did not, naming which', async () => {
    const nodes = { n1: new FakeNode(), n2: new FakeNode(), n3: new FakeNode() }
    nodes.n2.play = async (attachment) => {
      attachment.finish(await attachment.welcome(), { outcome: 'failed', error: stepFailure })
    }
    const error = await run(nodes).done
    expect(exitOf(error)).toBe(4)
    expect(factsOf(error).message).toContain('n2: the disk is full')
    expect(factsOf(error).found).toContain('n1, n3')
  })

  it('ends with their kind when all hosts failed', async () => {
    const nodes = { n1: new FakeNode(), n2: new FakeNode() }
    const { done, events } = run(nodes, { reach: () => Promise.reject(host('host-unreachable')) })
    expect(exitOf(await done)).toBe(6)
    expect(finished(events).map((event) => event.host)).toEqual(['n1', 'n2'])
    expect(finished(events)[0]).toMatchObject({ outcome: 'failed', error: { code: 'host-unreachable' } })
  })

  it('works on so many hosts at once as the site says', async () => {
    const nodes = Object.fromEntries(['n1', 'n2', 'n3', 'n4', 'n5'].map((name) => [name, new FakeNode()]))
    let atOnce = 0
    let most = 0
    for (const node of Object.values(nodes)) {
      node.play = async (attachment) => {
        const order = await attachment.welcome()
        atOnce += 1
        most = Math.max(most, atOnce)
        await delay(20)
        atOnce -= 1
        attachment.finish(order)
      }
    }
    await run(nodes, { site: { ...siteOf(...Object.keys(nodes)), parallel: 2 } }).done
    expect(most).toBe(2)
  })

  it('sends the executable for the host’s own architecture, and tells how far it is', async () => {
    const node = new FakeNode()
    node.answer = (argv) => (argv[0] === 'uname' ? { stdout: 'aarch64\n' } : asksDigest(argv) ? { code: 1 } : undefined)
    const { done, events, asked } = run({ n1: node })
    await done
    expect(asked).toEqual(['arm64'])
    expect(events).toContainEqual(expect.objectContaining({ type: 'transfer', doneBytes: 3, totalBytes: 3 }))
  })
})

describe('runSite, where hosts pass on what they have', () => {
  const orders = (nodes: Record<string, FakeNode>) =>
    Promise.all(Object.values(nodes).map(async (node) => (await node.attachments[0]?.hello())?.order.seeding))
  const sent = (nodes: Record<string, FakeNode>) =>
    Object.values(nodes).filter(({ executed }) => executed.some(({ input }) => input?.toString() === 'abc')).length
  const bare = (argv: string[]) => (asksDigest(argv) ? { code: 1 } : undefined)
  const addressed = (...addresses: string[]) => ({
    ...siteOf('n1', 'n2'),
    hosts: addresses.map((address, at) => ({ ...(siteOf('n1', 'n2').hosts[at] as Site['hosts'][0]), address })),
  })

  it('tells each host the address at which others reach it', async () => {
    const nodes = { n1: new FakeNode(), n2: new FakeNode() }
    const delivered = (argv: string[]) => (asksDigest(argv) ? { stdout: EXECUTABLE.sha256 } : undefined)
    for (const node of Object.values(nodes)) node.answer = delivered
    expect(await run(nodes, { seeding: true, site: addressed('10.0.0.1', '10.0.0.2') }).done).toBeUndefined()
    expect(await orders(nodes)).toEqual([{ address: '10.0.0.1' }, { address: '10.0.0.2' }])
  })

  it.each([
    ['it is not wanted', false, ['10.0.0.1', '10.0.0.2']],
    ['one of two is this machine', true, ['10.0.0.1', 'local']],
    ['they are forwarded ports of this machine', true, ['127.0.0.1', '127.0.0.2']],
  ])('is off where %s', async (_why, seeding, addresses) => {
    const nodes = { n1: new FakeNode(), n2: new FakeNode() }
    for (const node of Object.values(nodes)) node.answer = bare
    expect(await run(nodes, { seeding, site: addressed(...addresses) }).done).toBeUndefined()
    expect(await orders(nodes)).toEqual([undefined, undefined])
    expect(sent(nodes)).toBe(2)
  })

  it('is off for one host alone', async () => {
    const nodes = { n1: new FakeNode() }
    await run(nodes, { seeding: true }).done
    expect(await orders(nodes)).toEqual([undefined])
  })
})

describe('runSite, about what is installed', () => {
  it.each(['status', 'validate', 'uninstall'] as const)('%s uses the executable that is there', async (verb) => {
    const node = new FakeNode()
    const { done, asked } = run({ n1: node }, { verb })
    expect(await done).toBeUndefined()
    expect(asked).toEqual([])
    expect(node.executed.every(({ input }) => input === undefined)).toBe(true)
  })

  it.each(['status', 'validate'] as const)(
    '%s says of a bare host that nothing is installed, sending nothing',
    async (verb) => {
      const node = new FakeNode()
      node.answer = (argv) => (argv[0] === 'test' ? { code: 1 } : undefined)
      const { done, asked } = run({ n1: node }, { verb })
      expect(factsOf(await done)).toMatchObject({ code: 'not-installed', kind: 'check' })
      expect(asked).toEqual([])
      expect(node.attachments).toEqual([])
    },
  )

  it('has nothing to uninstall on a bare host', async () => {
    const node = new FakeNode()
    node.answer = (argv) => (argv[0] === 'test' ? { code: 1 } : undefined)
    const { done, events } = run({ n1: node }, { verb: 'uninstall' })
    expect(await done).toBeUndefined()
    expect(finished(events)).toMatchObject([{ outcome: 'done', changed: 0 }])
  })

  it('brings the executable back where only the journal is left', async () => {
    const node = new FakeNode()
    node.answer = (argv) => (argv[0] === 'test' && argv[1] === '-x' ? { code: 1 } : undefined)
    const { done, asked } = run({ n1: node }, { verb: 'uninstall' })
    expect(await done).toBeUndefined()
    expect(asked).toEqual(['amd64'])
  })
})

describe('runSite, when the link is lost', () => {
  it('takes the run up again, and tells what the node tells again only once', async () => {
    const node = new FakeNode()
    node.play = async (attachment, index) => {
      const order = await attachment.welcome(index > 0)
      attachment.tell({ type: 'step-started', id: 'a', title: 'A', index: 0, count: 1 }, order)
      if (index === 0) return await attachment.cut()
      attachment.tell({ type: 'step-done', id: 'a', title: 'A', changed: true, seconds: 1 }, order)
      attachment.finish(order)
    }
    const { done, events } = run({ n1: node })
    expect(await done).toBeUndefined()
    expect(node.attachments).toHaveLength(2)
    expect(events.filter(({ type }) => type === 'step-started')).toHaveLength(1)
    expect(events.filter(({ type }) => type === 'step-done')).toHaveLength(1)
    expect(events.filter(({ type }) => type === 'note')).toHaveLength(1)
    expect(node.closed).toBe(2)
  }, 15_000)

  it('tries for a while also when the host cannot be reached at once', async () => {
    const node = new FakeNode()
    node.play = async (attachment, index) => {
      const order = await attachment.welcome()
      attachment.tell({ type: 'run-started', verb: 'install', deployment: 'd', profile: 'p' }, order)
      if (index === 0) await attachment.cut()
      else attachment.finish(order)
    }
    let reached = 0
    const reach: SiteRun['reach'] = async (target) => {
      reached += 1
      if (reached === 2) throw host('host-unreachable')
      return node.connect(target.name)
    }
    expect(await run({ n1: node }, { reach }).done).toBeUndefined()
    expect(reached).toBe(3)
  }, 15_000)

  it('takes the run up again after a long quiet step', async () => {
    const putForward = clockToPutForward()
    const node = new FakeNode()
    node.play = async (attachment, index) => {
      const order = await attachment.welcome(index > 0)
      attachment.tell({ type: 'step-started', id: 'a', title: 'A', index: 0, count: 1 }, order)
      if (index > 0) return void attachment.finish(order)
      await delay(50)
      putForward(10 * 60_000)
      await attachment.cut()
    }
    expect(await run({ n1: node }).done).toBeUndefined()
  }, 15_000)

  it('gives up on an engine that dies at the same place each time', async () => {
    const putForward = clockToPutForward()
    const node = new FakeNode()
    node.play = async (attachment) => {
      const order = await attachment.welcome()
      attachment.tell(
        { type: 'run-started', verb: 'install', deployment: 'd', profile: 'p' },
        order,
        new Date().toISOString(),
      )
      await delay(10)
      putForward(60_000)
      attachment.exit(0)
    }
    const { done, events } = run({ n1: node })
    const error = await done
    expect(exitOf(error)).toBe(6)
    expect(factsOf(error)).toMatchObject({ code: 'engine-gone', next: expect.stringContaining('out of memory') })
    expect(events.filter(({ type }) => type === 'note')).toMatchObject([
      { message: 'the engine on the node was ended; starting it again' },
    ])
    expect(node.attachments.length).toBeLessThan(5)
  }, 30_000)

  it('goes on with the executable when the line breaks under it', async () => {
    const node = new FakeNode()
    let losses = 0
    node.answer = (argv) => {
      if (asksDigest(argv)) return { code: 1 }
      if (argv[0] !== 'setsid') return undefined
      losses += 1
      if (losses < 2) throw host('host-lost')
      return {}
    }
    const { done, events } = run({ n1: node })
    expect(await done).toBeUndefined()
    expect(losses).toBe(2)
    expect(events.filter(({ type }) => type === 'note')).toMatchObject([
      { message: 'the connection was lost; connecting again' },
    ])
  }, 15_000)

  it('connects again where the line breaks before anything was sent: a host may have been getting it from another', async () => {
    const node = new FakeNode()
    let asked = 0
    node.answer = (argv) => {
      if (argv[0] !== 'uname') return undefined
      asked += 1
      if (asked < 2) throw host('host-lost')
      return { stdout: 'x86_64\n' }
    }
    expect(await run({ n1: node }).done).toBeUndefined()
    expect(asked).toBe(2)
  }, 15_000)

  it('does not try again what never worked', async () => {
    let reached = 0
    const reach: SiteRun['reach'] = async () => {
      reached += 1
      throw host('host-unreachable')
    }
    expect(exitOf(await run({ n1: new FakeNode() }, { reach }).done)).toBe(6)
    expect(reached).toBe(1)
  })

  it.each(['host-auth', 'host-key-changed'])(
    'does not try again after %s',
    async (code) => {
      const node = new FakeNode()
      node.play = async (attachment) => {
        const order = await attachment.welcome()
        attachment.tell({ type: 'run-started', verb: 'install', deployment: 'd', profile: 'p' }, order)
        await attachment.cut()
      }
      let reached = 0
      const reach: SiteRun['reach'] = async (target) => {
        reached += 1
        if (reached > 1) throw host(code)
        return node.connect(target.name)
      }
      expect(factsOf(await run({ n1: node }, { reach }).done).code).toBe(code)
      expect(reached).toBe(2)
    },
    15_000,
  )

  it('ends as interrupted, not as a bug, when the operator stops it while it connects again', async () => {
    const node = new FakeNode()
    const stop = new AbortController()
    node.play = async (attachment) => {
      const order = await attachment.welcome()
      attachment.tell({ type: 'run-started', verb: 'install', deployment: 'd', profile: 'p' }, order)
      await attachment.cut()
    }
    const { done, events } = run({ n1: node }, { signal: stop.signal })
    await eventually(() => events.find(({ type }) => type === 'note'))
    stop.abort(new MojaboxError({ code: 'interrupted', kind: 'interrupted', message: 'interrupted' }))
    expect(exitOf(await done)).toBe(130)
    expect(finished(events)).toMatchObject([{ outcome: 'failed', error: { kind: 'interrupted' } }])
  }, 15_000)

  it('begins no further host once it was stopped', async () => {
    const nodes = { n1: new FakeNode(), n2: new FakeNode() }
    const stop = new AbortController()
    nodes.n1.play = async (attachment) => {
      const order = await attachment.welcome()
      stop.abort(new MojaboxError({ code: 'interrupted', kind: 'interrupted', message: 'interrupted' }))
      attachment.finish(order)
    }
    const error = await run(nodes, { signal: stop.signal, site: { ...siteOf('n1', 'n2'), parallel: 1 } }).done
    expect(exitOf(error)).toBe(130)
    expect(nodes.n2.attachments).toEqual([])
  })
})
