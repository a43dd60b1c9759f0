import { randomBytes } from 'node:crypto'
import { readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { Arrival } from '../../../agent/store/arrivals.ts'
import { Arrivals } from '../../../agent/store/arrivals.ts'
import type { Store } from '../../../agent/store/store.ts'
import type { Digest } from '../../../bundles/format/manifest.ts'
import { FakeDesk, gate } from './fake-desk.ts'
import { temporaryStore } from './temporary-store.ts'

const CONTENT = randomBytes(10_000)

async function setUp(content: Buffer = CONTENT) {
  const store = await temporaryStore()
  const desk = new FakeDesk()
  const digest = desk.add(content)
  const stop = new AbortController()
  return { store, desk, digest, stop, arrivals: new Arrivals(store, desk.fetch, stop.signal) }
}

async function wholeOf(arrival: Arrival, offset = 0): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of arrival.read(offset)) pieces.push(piece)
  return Buffer.concat(pieces)
}

const sizeAt = async (path: string) => (await stat(path).catch(() => undefined))?.size
const partial = (store: Store, digest: Digest) => store.ingestPath(digest)

describe('reading what arrives', () => {
  it('gives the bytes while they come', async () => {
    const { desk, digest, arrivals } = await setUp()
    const half = gate()
    desk.beforePiece = (at) => (at >= 5000 ? half.passed : undefined)
    const reading = arrivals.get(digest, CONTENT.length).read(0)
    const early: Buffer[] = []
    while (Buffer.concat(early).length < 5000) early.push((await reading.next()).value as Buffer)
    expect(Buffer.concat(early)).toEqual(CONTENT.subarray(0, 5000))
    half.open()
    for await (const piece of reading) early.push(piece)
    expect(Buffer.concat(early)).toEqual(CONTENT)
  })

  it('lets several readers follow one arrival, each from where it wants', async () => {
    const { desk, digest, arrivals } = await setUp()
    desk.beforePiece = () => delay(1)
    const arrival = arrivals.get(digest, CONTENT.length)
    const read = await Promise.all([wholeOf(arrival), wholeOf(arrival, 4321), wholeOf(arrival, CONTENT.length - 1)])
    expect(read).toEqual([CONTENT, CONTENT.subarray(4321), CONTENT.subarray(-1)])
    expect(desk.asked).toHaveLength(1)
  })

  it('holds the last byte back until the digest was found right', async () => {
    const { store, desk, digest, arrivals } = await setUp()
    desk.garble = (piece, at) => (at === 0 ? Buffer.concat([Buffer.from('x'), piece.subarray(1)]) : piece)
    const arrival = arrivals.get(digest, CONTENT.length)
    let length = 0
    const reading = (async () => {
      for await (const piece of arrival.read(0)) length += piece.length
    })()
    await expect(reading).rejects.toMatchObject({ facts: { code: 'blob-corrupt', kind: 'bundle' } })
    expect(length).toBeLessThan(CONTENT.length)
    expect(await store.sizeOf(digest)).toBeUndefined()
  })

  it('tells a reader why the rest does not come', async () => {
    const { desk, digest, arrivals } = await setUp()
    desk.beforePiece = (at) => (at >= 3000 ? Promise.reject(new Error('the desk is gone')) : undefined)
    await expect(wholeOf(arrivals.get(digest, CONTENT.length))).rejects.toThrow('the desk is gone')
  })

  it('is done at once with a blob of no bytes', async () => {
    const { digest, arrivals } = await setUp(Buffer.alloc(0))
    expect(await wholeOf(arrivals.get(digest, 0))).toHaveLength(0)
    await arrivals.get(digest, 0).done
  })

  it('stops with the run', async () => {
    const { desk, digest, arrivals, stop } = await setUp()
    desk.beforePiece = (at) => {
      if (at === 2000) stop.abort(new Error('stopped'))
    }
    await expect(wholeOf(arrivals.get(digest, CONTENT.length))).rejects.toThrow('stopped')
  })
})

describe('keep', () => {
  it('has the blob in the store once every byte and the digest are right', async () => {
    const { store, digest, arrivals } = await setUp()
    await arrivals.keep(digest, CONTENT.length)
    expect(await store.sizeOf(digest)).toBe(CONTENT.length)
    expect(await readFile(store.blobPath(digest))).toEqual(CONTENT)
    expect(await sizeAt(partial(store, digest))).toBeUndefined()
  })

  it('asks nobody for what the store has', async () => {
    const { desk, digest, arrivals } = await setUp()
    await arrivals.keep(digest, CONTENT.length)
    await arrivals.keep(digest, CONTENT.length)
    expect(desk.asked).toHaveLength(1)
  })

  it('brings a blob again that a power loss left too short in the store', async () => {
    const { store, digest, arrivals } = await setUp()
    await writeFile(store.blobPath(digest), CONTENT.subarray(0, 10))
    await arrivals.keep(digest, CONTENT.length)
    expect(await readFile(store.blobPath(digest))).toEqual(CONTENT)
  })

  it('lets a blob asked for twice at once travel once', async () => {
    const { store, desk, digest, arrivals } = await setUp()
    desk.beforePiece = () => delay(1)
    await Promise.all([arrivals.keep(digest, CONTENT.length), arrivals.keep(digest, CONTENT.length)])
    expect(desk.asked).toHaveLength(1)
    expect(await store.sizeOf(digest)).toBe(CONTENT.length)
  })

  it('goes on from a partial file of an earlier run, and counts only what travelled', async () => {
    const { store, desk, digest, arrivals } = await setUp()
    await writeFile(partial(store, digest), CONTENT.subarray(0, 4567))
    await arrivals.keep(digest, CONTENT.length)
    expect(desk.asked).toEqual([{ digest, offset: 4567 }])
    expect(arrivals.fetchedBytes).toBe(CONTENT.length - 4567)
    expect(await readFile(store.blobPath(digest))).toEqual(CONTENT)
  })

  it('asks for nothing when the partial file turns out to be whole', async () => {
    const { store, desk, digest, arrivals } = await setUp()
    await writeFile(partial(store, digest), CONTENT)
    await arrivals.keep(digest, CONTENT.length)
    expect(desk.asked).toEqual([])
    expect(await store.sizeOf(digest)).toBe(CONTENT.length)
  })

  it('starts again where the partial file is longer than the blob', async () => {
    const { store, desk, digest, arrivals } = await setUp()
    await writeFile(partial(store, digest), Buffer.concat([CONTENT, Buffer.from('more')]))
    await arrivals.keep(digest, CONTENT.length)
    expect(desk.asked).toEqual([{ digest, offset: 0 }])
    expect(await readFile(store.blobPath(digest))).toEqual(CONTENT)
  })

  it('brings a blob anew whose partial file was damaged, and nobody is given of it', async () => {
    const { store, desk, digest, arrivals } = await setUp()
    await writeFile(partial(store, digest), Buffer.alloc(5000, 'x'))
    const arrival = arrivals.get(digest, CONTENT.length)
    expect(await wholeOf(arrival)).toEqual(CONTENT)
    expect(desk.asked).toEqual([
      { digest, offset: 5000 },
      { digest, offset: 0 },
    ])
    await arrivals.keep(digest, CONTENT.length)
    expect(await readFile(store.blobPath(digest))).toEqual(CONTENT)
  })

  it.each<[string, (piece: Buffer, at: number) => Buffer]>([
    ['other bytes', (piece) => Buffer.alloc(piece.length, 'x')],
    ['more bytes', (piece, at) => (at >= 9_000 ? Buffer.concat([piece, piece]) : piece)],
    ['fewer bytes', (piece, at) => (at >= 9_000 ? piece.subarray(1) : piece)],
  ])(
    'brings a blob anew of which another host handed on %s; who was given some of it is cut',
    async (_what, garble) => {
      const { store, desk, digest } = await setUp()
      const accused = vi.fn(() => desk.asked.length === 1)
      const others = { want: () => false, arrived: () => {}, accused }
      const arrivals = new Arrivals(store, desk.fetch, new AbortController().signal, others)
      const last = gate()
      desk.garble = (piece, at) => (desk.asked.length === 1 ? garble(piece, at) : piece)
      desk.beforePiece = (at) => (at >= 9_000 ? last.passed : undefined)
      const arrival = arrivals.get(digest, CONTENT.length)
      const early = arrival.read(0)
      await early.next()
      const rest = (async () => {
        for await (const _ of early);
      })()
      last.open()
      await expect(rest).rejects.toThrow('brought anew')
      expect(await wholeOf(arrival)).toEqual(CONTENT)
      expect(accused).toHaveBeenCalledTimes(1)
      await arrivals.keep(digest, CONTENT.length)
      expect(await readFile(store.blobPath(digest))).toEqual(CONTENT)
    },
  )

  it('refuses a blob that is damaged at the desk, whatever was there before, and keeps nothing of it', async () => {
    const { store, desk, digest, arrivals } = await setUp()
    await writeFile(partial(store, digest), CONTENT.subarray(0, 5000))
    desk.garble = (piece) => Buffer.alloc(piece.length, 'x')
    await expect(arrivals.keep(digest, CONTENT.length)).rejects.toMatchObject({ facts: { code: 'blob-corrupt' } })
    expect(await sizeAt(partial(store, digest))).toBe(0)
    desk.garble = (piece) => piece
    await arrivals.keep(digest, CONTENT.length)
    expect(await readFile(store.blobPath(digest))).toEqual(CONTENT)
  })

  it.each([
    ['more bytes than its size', Buffer.concat([CONTENT, Buffer.from('more')])],
    ['fewer bytes than its size', CONTENT.subarray(0, 9000)],
  ])('refuses %s', async (_what, sent) => {
    const { store, desk, digest, arrivals } = await setUp()
    desk.blobs.set(digest, sent)
    await expect(arrivals.keep(digest, CONTENT.length)).rejects.toMatchObject({
      facts: { code: 'blob-corrupt', kind: 'bundle' },
    })
    expect(await store.sizeOf(digest)).toBeUndefined()
  })

  it('can be tried again after a failure, from the byte it had', async () => {
    const { desk, digest, arrivals } = await setUp()
    desk.beforePiece = (at) => (at >= 3000 ? Promise.reject(new Error('gone')) : undefined)
    await expect(arrivals.keep(digest, CONTENT.length)).rejects.toThrow('gone')
    desk.beforePiece = () => {}
    await arrivals.keep(digest, CONTENT.length)
    expect(desk.asked.map(({ offset }) => offset)).toEqual([0, 3000])
  })

  it('tells a full disk as such, with where and how much', async () => {
    const { store, digest, arrivals } = await setUp()
    await symlink('/dev/full', partial(store, digest))
    const error = await arrivals.keep(digest, CONTENT.length).catch((thrown) => thrown)
    expect(error.facts).toMatchObject({ code: 'disk-full', kind: 'step', needed: `${CONTENT.length} bytes` })
    expect(error.facts.found).toContain(store.root)
  })

  it('does not take a blob for whole of which the disk took less than it was given', async () => {
    const { FileHandle } = await fileHandlePrototype()
    const write = FileHandle.write
    const spy = vi.spyOn(FileHandle, 'write').mockImplementation(function (this: unknown, ...args: unknown[]) {
      const [bytes, from = 0, length = (bytes as Buffer).length, position] = args as [Buffer, number, number, number]
      return write.call(this, bytes, from, Math.min(length, 700), position)
    })
    try {
      const { store, digest, arrivals } = await setUp()
      await arrivals.keep(digest, CONTENT.length)
      expect(await readFile(store.blobPath(digest))).toEqual(CONTENT)
    } finally {
      spy.mockRestore()
    }
  })

  it('leaves no unhandled rejection where nobody waits for a blob that fails', async () => {
    const unhandled: unknown[] = []
    const hear = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', hear)
    const { desk, digest, arrivals } = await setUp()
    desk.failure = new Error('gone')
    arrivals.get(digest, CONTENT.length)
    await delay(20)
    process.off('unhandledRejection', hear)
    expect(unhandled).toEqual([])
  })
})

describe('drop', () => {
  it('takes the bytes away', async () => {
    const { store, digest, arrivals } = await setUp()
    await arrivals.get(digest, CONTENT.length).done
    await arrivals.drop(digest)
    expect(await sizeAt(partial(store, digest))).toBeUndefined()
    expect(await store.list()).toEqual([])
  })

  it('lets a reader finish that is at it', async () => {
    const { digest, arrivals } = await setUp()
    const arrival = arrivals.get(digest, CONTENT.length)
    const reading = arrival.read(0)
    const pieces = [(await reading.next()).value as Buffer]
    await arrival.done
    await arrivals.drop(digest)
    for await (const piece of reading) pieces.push(piece)
    expect(Buffer.concat(pieces)).toEqual(CONTENT)
  })

  it('leaves alone what it never brought: a blob in the store belongs to it', async () => {
    const { store, digest, arrivals } = await setUp()
    await arrivals.keep(digest, CONTENT.length)
    await arrivals.drop(digest)
    expect(await store.sizeOf(digest)).toBe(CONTENT.length)
  })

  it('serves a blob that is asked for again while its bytes are going', async () => {
    const { digest, arrivals } = await setUp()
    for (let round = 0; round < 20; round += 1) {
      await arrivals.get(digest, CONTENT.length).done
      const dropped = arrivals.drop(digest)
      const again = arrivals.get(digest, CONTENT.length)
      await dropped
      expect(await wholeOf(again)).toEqual(CONTENT)
      await arrivals.drop(digest)
    }
  })
})

describe('an arrival that is taken away behind its back', () => {
  it('fails its reader, and comes anew for the next', async () => {
    const { store, digest, arrivals } = await setUp()
    await arrivals.get(digest, CONTENT.length).done
    await truncate(partial(store, digest), 0)
    await expect(wholeOf(arrivals.get(digest, CONTENT.length))).rejects.toThrow(/taken away/)
    await rm(partial(store, digest))
  })
})

/** The class behind `open`'s result, which node:fs/promises does not export. */
async function fileHandlePrototype() {
  const { open } = await import('node:fs/promises')
  const file = await open('/dev/null')
  const FileHandle = Object.getPrototypeOf(file) as { write: (...args: unknown[]) => unknown }
  await file.close()
  return { FileHandle }
}
