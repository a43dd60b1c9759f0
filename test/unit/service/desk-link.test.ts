import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { DESK_SILENT_MS, PROTOCOL_VERSION } from '../../../agent/contract/channel.ts'
import type { Event, EventBody } from '../../../agent/contract/events.ts'
import { DESK_WAIT_MS, DeskLink } from '../../../agent/service/desk-link.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import type { MojaboxError } from '../../../bundles/format/error.ts'
import { clockToPutForward } from '../put-forward.ts'
import { eventually, FakeDesk } from './fake-desk.ts'

const CONTENT = 'the content of a blob'
const DIGEST = digestOf(CONTENT)

function event(body: EventBody): Event {
  return { ...body, at: '2027-01-01T00:00:00.000Z', host: 'n1', run: 'run-1' }
}

const progress = (id: string, done: number) => event({ type: 'step-progress', id, done, total: 10, unit: 'items' })

function attached(link: DeskLink): FakeDesk {
  const desk = new FakeDesk()
  link.attach(desk.node, false, PROTOCOL_VERSION)
  return desk
}

/** A fetch that collects what arrives. */
function fetching(link: DeskLink, signal = new AbortController().signal) {
  const arrived: string[] = []
  const length = () => arrived.join('').length
  const take = async (bytes: Buffer) => void arrived.push(bytes.toString())
  const done = link.fetch(DIGEST, length, take, signal)
  done.catch(() => {})
  return { done, text: () => arrived.join('') }
}

describe('fetch', () => {
  it('asks the desk for the blob and ends with its last byte', async () => {
    const link = new DeskLink()
    const desk = attached(link)
    const blob = fetching(link)
    const get = await desk.nextGet()
    expect(get).toMatchObject({ digest: DIGEST, offset: 0 })
    await desk.send(get, CONTENT)
    desk.end(get)
    await blob.done
    expect(blob.text()).toBe(CONTENT)
  })

  it('goes on from the byte it had when the link was lost and the desk comes back', async () => {
    const link = new DeskLink()
    const waits: string[] = []
    link.onWaiting = (what) => waits.push(what)
    const desk = attached(link)
    const blob = fetching(link)
    await desk.send(await desk.nextGet(), CONTENT.slice(0, 8))
    await eventually(() => blob.text().length === 8 || undefined)
    desk.channel.destroy()
    await eventually(() => waits[0])
    expect(waits).toEqual([DIGEST])

    const again = attached(link)
    const get = await again.nextGet()
    expect(get.offset).toBe(8)
    await again.send(get, CONTENT.slice(8))
    again.end(get)
    await blob.done
    expect(blob.text()).toBe(CONTENT)
  })

  it('goes on from the byte it had when another desk takes the place of a silent one', async () => {
    const link = new DeskLink()
    const silent = attached(link)
    const blob = fetching(link)
    await silent.send(await silent.nextGet(), CONTENT.slice(0, 8))
    await eventually(() => blob.text().length === 8 || undefined)

    const desk = attached(link)
    const get = await desk.nextGet()
    expect(get.offset).toBe(8)
    await desk.send(get, CONTENT.slice(8))
    desk.end(get)
    await blob.done
    expect(blob.text()).toBe(CONTENT)
    await silent.channel.closed
  })

  it('lets the bytes at hand be written before it asks another desk for what follows them', async () => {
    const link = new DeskLink()
    const first = attached(link)
    let text = ''
    let write: () => void = () => {}
    const take = async (bytes: Buffer) => {
      await new Promise<void>((resolve) => (write = resolve))
      text += bytes.toString()
    }
    const done = link.fetch(DIGEST, () => text.length, take, new AbortController().signal)
    const taken = write
    await first.send(await first.nextGet(), CONTENT.slice(0, 8))
    await eventually(() => (write === taken ? undefined : true))

    const desk = attached(link)
    await delay(20)
    write()
    const get = await desk.nextGet()
    expect(get.offset).toBe(8)
    const rest = desk.send(get, CONTENT.slice(8))
    await eventually(() => {
      write()
      return text.length === CONTENT.length || undefined
    })
    await rest
    desk.end(get)
    await done
    expect(text).toBe(CONTENT)
  })

  it('waits for a first desk', async () => {
    const link = new DeskLink()
    const blob = fetching(link)
    await delay(10)
    const desk = attached(link)
    const get = await desk.nextGet()
    await desk.send(get, CONTENT)
    desk.end(get)
    await blob.done
  })

  it('fetches several blobs at once over one link, each byte to its own', async () => {
    const link = new DeskLink()
    const desk = attached(link)
    const blobs = [fetching(link), fetching(link), fetching(link)]
    await desk.nextGet(2)
    for (const letter of ['a', 'b']) for (const get of desk.gets) await desk.send(get, `${letter}${get.id}`)
    for (const get of desk.gets.toReversed()) desk.end(get)
    await Promise.all(blobs.map((blob) => blob.done))
    expect(blobs.map((blob, index) => blob.text() === `a${desk.gets[index]?.id}b${desk.gets[index]?.id}`)).toEqual([
      true,
      true,
      true,
    ])
  })

  it('stops and tells the desk so when the run is stopped', async () => {
    const link = new DeskLink()
    const desk = attached(link)
    const stop = new AbortController()
    const blob = fetching(link, stop.signal)
    const get = await desk.nextGet()
    stop.abort(new Error('stopped'))
    await expect(blob.done).rejects.toThrow('stopped')
    await eventually(() => desk.heard.find((message) => message.type === 'cancel' && message.id === get.id))
    await desk.send(get, 'more of it')
    expect(blob.text()).toBe('')
  })

  it('stops when the run is stopped while nobody is there', async () => {
    const link = new DeskLink()
    const stop = new AbortController()
    const blob = fetching(link, stop.signal)
    await delay(5)
    stop.abort(new Error('stopped'))
    await expect(blob.done).rejects.toThrow('stopped')
  })

  it('stops the transfer when what arrives cannot be taken', async () => {
    const link = new DeskLink()
    const desk = attached(link)
    const full = new Error('disk full')
    const done = link.fetch(
      DIGEST,
      () => 0,
      () => Promise.reject(full),
      new AbortController().signal,
    )
    done.catch(() => {})
    const get = await desk.nextGet()
    await desk.send(get, CONTENT)
    await expect(done).rejects.toBe(full)
    await eventually(() => desk.heard.find((message) => message.type === 'cancel' && message.id === get.id))
    await desk.send(get, CONTENT)
    desk.end(get)
  })

  it('fails at once, as a fault of the bundle, when the desk lacks the blob', async () => {
    const link = new DeskLink()
    const desk = attached(link)
    const blob = fetching(link)
    const { id } = await desk.nextGet()
    desk.channel.send({ type: 'missing', id, message: "the desk's bundle lacks it" })
    await expect(blob.done).rejects.toMatchObject({ facts: { code: 'blob-missing', kind: 'bundle' } })
    expect(desk.gets).toHaveLength(1)
  })

  it('fails with what to do when the desk can read its bundle no more', async () => {
    const link = new DeskLink()
    const desk = attached(link)
    const blob = fetching(link)
    const { id } = await desk.nextGet()
    desk.channel.send({ type: 'missing', id, message: 'EIO: i/o error, read', unreadable: true })
    await expect(blob.done).rejects.toMatchObject({
      facts: { code: 'bundle-unreadable', found: 'EIO: i/o error, read', next: expect.stringContaining('plug it in') },
    })
  })

  it('passes back-pressure on to the desk', async () => {
    const link = new DeskLink()
    const desk = attached(link)
    let release: () => void = () => {}
    const take = () => new Promise<void>((resolve) => (release = resolve))
    void link.fetch(DIGEST, () => 0, take, new AbortController().signal).catch(() => {})
    const get = await desk.nextGet()
    let sent = 0
    const sending = (async () => {
      for (; sent < 20; sent += 1) await desk.send(get, Buffer.alloc(100_000))
    })()
    await delay(50)
    expect(sent).toBeLessThan(5)
    const releasing = setInterval(() => release(), 1)
    await sending
    clearInterval(releasing)
  })
})

describe('waiting for the desk', () => {
  afterEach(() => void vi.useRealTimers())

  it('ends after a quarter of an hour with what was needed', async () => {
    vi.useFakeTimers()
    const link = new DeskLink()
    const blob = fetching(link)
    const outcome = expect(blob.done).rejects.toMatchObject({ facts: { code: 'desk-gone', kind: 'host' } })
    await vi.advanceTimersByTimeAsync(DESK_WAIT_MS + 1)
    await outcome
    const error = (await blob.done.catch((thrown) => thrown)) as MojaboxError
    expect(error.facts.needed).toContain(DIGEST)
    expect(error.facts.next).toMatch(/again/)
  })
})

describe('alive', () => {
  it('is true while a desk was heard of lately', async () => {
    const link = new DeskLink()
    expect(link.alive).toBe(false)
    const putForward = clockToPutForward()
    const desk = attached(link)
    expect(link.alive).toBe(true)
    putForward(DESK_SILENT_MS + 1)
    expect(link.alive).toBe(false)
    desk.channel.send({ type: 'ping' })
    await eventually(() => link.alive || undefined)
  })

  it('is false once the link is lost', async () => {
    const link = new DeskLink()
    attached(link).channel.destroy()
    await eventually(() => !link.alive || undefined)
  })
})

describe('tell', () => {
  it('tells a desk that comes later everything from the start of the run', async () => {
    const link = new DeskLink()
    const first = attached(link)
    const events = [
      event({ type: 'run-started', verb: 'install', deployment: 'd', profile: 'p' }),
      event({ type: 'step-started', id: 'a', title: 'A', index: 0, count: 1 }),
    ]
    for (const one of events) link.tell(one)
    await eventually(() => first.events[1])
    first.channel.destroy()
    const last = event({ type: 'step-done', id: 'a', title: 'A', changed: true, seconds: 1 })
    link.tell(last)
    const second = attached(link)
    await eventually(() => second.events[2])
    expect(second.heard[0]).toEqual({ type: 'welcome', protocol: PROTOCOL_VERSION, attached: false })
    expect(second.events).toEqual([...events, last])
  })

  it('keeps of a step’s progress only the last word', async () => {
    const link = new DeskLink()
    for (let done = 1; done <= 9; done += 1) link.tell(progress('images', done))
    link.tell(progress('store', 1))
    link.tell(progress('images', 10))
    const desk = attached(link)
    await eventually(() => desk.events[2])
    expect(desk.events).toEqual([progress('images', 9), progress('store', 1), progress('images', 10)])
  })

  it('tells a desk that is there all of it', async () => {
    const link = new DeskLink()
    const desk = attached(link)
    for (let done = 1; done <= 5; done += 1) link.tell(progress('images', done))
    await eventually(() => desk.events[4])
  })

  it('never forgets how the run ended, however long it was', async () => {
    const link = new DeskLink()
    for (let count = 0; count < 6_000; count += 1) link.tell(progress(`step-${count}`, 1))
    const last = event({ type: 'run-finished', outcome: 'done', changed: 1, seconds: 1 })
    link.tell(last)
    const desk = attached(link)
    await eventually(() => desk.events.find(({ type }) => type === 'run-finished'))
  })
})

describe('abort and goodbye', () => {
  it('hears when the desk wants the run stopped', async () => {
    const link = new DeskLink()
    let aborted = false
    link.onAbort = () => {
      aborted = true
    }
    attached(link).channel.send({ type: 'abort' })
    await eventually(() => aborted || undefined)
  })

  it('says goodbye and ends when the desk hangs up', async () => {
    const link = new DeskLink()
    const desk = attached(link)
    const closing = link.close(5_000)
    await eventually(() => desk.heard.find(({ type }) => type === 'bye'))
    desk.channel.end()
    await closing
  })

  it('does not wait for ever for the desk to hang up', async () => {
    const link = new DeskLink()
    attached(link)
    await link.close(20)
  })

  it('needs no desk to end', async () => {
    await new DeskLink().close(5_000)
  })
})
