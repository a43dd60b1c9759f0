import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { MirrorBlob } from '../../../agent/store/answer-blob.ts'
import { type MirrorContent, serveMirror } from '../../../agent/store/mirror.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { type Digest, MEDIA_TYPES } from '../../../bundles/format/manifest.ts'
import { gate } from './fake-desk.ts'
import { ask, askRaw } from './http-client.ts'

const MANIFEST = Buffer.from('{"schemaVersion":2}')
const DESCRIPTOR = { mediaType: MEDIA_TYPES.manifest, digest: digestOf(MANIFEST), size: MANIFEST.length }
const BLOB = Buffer.alloc(200_000, 'blob ')
const BLOB_DIGEST = digestOf(BLOB)
const NAME = 'docker.io/mojaloop/central-ledger'
const blobPath = `/v2/${NAME}/blobs/${BLOB_DIGEST}`

class FakeContent implements MirrorContent {
  readonly asked: string[] = []
  readonly done: boolean[] = []
  readonly offsets: number[] = []
  read: (offset: number) => AsyncIterable<Buffer> = async function* (offset) {
    yield BLOB.subarray(offset)
  }

  async manifest(reference: string) {
    this.asked.push(reference)
    return [`${NAME}:v1`, DESCRIPTOR.digest].includes(reference)
      ? { descriptor: DESCRIPTOR, bytes: MANIFEST }
      : undefined
  }

  async blob(digest: Digest): Promise<MirrorBlob | undefined> {
    this.asked.push(digest)
    if (digest !== BLOB_DIGEST) return undefined
    const read = (offset: number) => {
      this.offsets.push(offset)
      return this.read(offset)
    }
    return { sizeBytes: BLOB.length, read, done: (whole) => void this.done.push(whole) }
  }
}

async function mirrorOf(content = new FakeContent()) {
  const mirror = await serveMirror(content)
  onTestFinished(() => mirror.close())
  return { content, address: mirror.address, mirror }
}

describe('serveMirror', () => {
  it('listens on the loopback only', async () => {
    const { address } = await mirrorOf()
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/)
  })

  it.each(['/v2/', '/v2'])('is a registry at %s', async (path) => {
    const { address } = await mirrorOf()
    const { status, headers } = await ask(address, path)
    expect(status).toBe(200)
    expect(headers['docker-distribution-api-version']).toBe('registry/2.0')
  })

  it.each(['v1', DESCRIPTOR.digest])('gives a manifest by %s, with its type, length and digest', async (reference) => {
    const { address } = await mirrorOf()
    const { status, headers, body } = await ask(address, `/v2/${NAME}/manifests/${reference}`)
    expect(status).toBe(200)
    expect(body).toEqual(MANIFEST)
    expect(headers).toMatchObject({
      'content-type': MEDIA_TYPES.manifest,
      'content-length': String(MANIFEST.length),
      'docker-content-digest': DESCRIPTOR.digest,
    })
  })

  it.each([`/v2/${NAME}/manifests/v1`, blobPath])('answers HEAD of %s with the headers alone', async (path) => {
    const { address, content } = await mirrorOf()
    const got = await ask(address, path)
    const headed = await ask(address, path, { method: 'HEAD' })
    expect(headed.status).toBe(200)
    expect(headed.body).toHaveLength(0)
    expect(headed.headers['content-length']).toBe(got.headers['content-length'])
    expect(headed.headers['docker-content-digest']).toBe(got.headers['docker-content-digest'])
    expect(content.done.filter(Boolean).length).toBeLessThanOrEqual(1)
  })

  it('gives a blob, and says when it was taken whole', async () => {
    const { address, content } = await mirrorOf()
    const { status, headers, body, cut } = await ask(address, blobPath)
    expect(status).toBe(200)
    expect(cut).toBe(false)
    expect(body).toEqual(BLOB)
    expect(headers).toMatchObject({ 'content-length': String(BLOB.length), 'docker-content-digest': BLOB_DIGEST })
    await delay(20)
    expect(content.done).toEqual([true])
  })

  it.each([0, 1, 123_456, BLOB.length - 1])('answers a range from byte %i with 206 and the rest', async (from) => {
    const { address, content } = await mirrorOf()
    const { status, headers, body } = await ask(address, blobPath, { headers: { Range: `bytes=${from}-` } })
    expect(status).toBe(206)
    expect(headers['content-range']).toBe(`bytes ${from}-${BLOB.length - 1}/${BLOB.length}`)
    expect(headers['content-length']).toBe(String(BLOB.length - from))
    expect(body).toEqual(BLOB.subarray(from))
    expect(content.offsets).toEqual([from])
  })

  it('never answers a range past the end with bytes that would be appended', async () => {
    const { address } = await mirrorOf()
    const { status, headers } = await ask(address, blobPath, { headers: { Range: `bytes=${BLOB.length}-` } })
    const start = /^bytes (\d+)-/.exec(headers['content-range'] ?? '')?.[1]
    expect(status === 416 || start === '0').toBe(true)
  })

  it('sends the headers before the first byte has come from the desk', async () => {
    const { address, content } = await mirrorOf()
    const desk = gate()
    content.read = async function* () {
      await desk.passed
      yield BLOB
    }
    const first = await new Promise<string>((resolve) => {
      void askRaw(address, `GET ${blobPath} HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n`).then(() =>
        resolve('late'),
      )
      setTimeout(() => resolve('early'), 200)
    })
    expect(first).toBe('early')
    const answered = ask(address, blobPath)
    desk.open()
    expect((await answered).body).toEqual(BLOB)
  })

  it.each([
    ['an unknown tag', `/v2/${NAME}/manifests/v2`],
    ['an unknown image', '/v2/docker.io/library/redis/manifests/v1'],
    ['an unknown blob', `/v2/${NAME}/blobs/${digestOf('else')}`],
    ['a digest that is none', `/v2/${NAME}/blobs/sha256:abc`],
    ['a digest in capitals', `/v2/${NAME}/blobs/${BLOB_DIGEST.toUpperCase()}`],
    ['a path in place of a digest', `/v2/${NAME}/blobs/../../../etc/passwd`],
    ['an encoded path in place of a digest', `/v2/${NAME}/blobs/sha256:..%2f..%2f..%2fetc%2fpasswd`],
    ['the catalogue', '/v2/_catalog'],
    ['a list of tags', `/v2/${NAME}/tags/list`],
    ['anything else', '/etc/passwd'],
    ['the root', '/'],
  ])('answers %s with 404', async (_what, path) => {
    const { address } = await mirrorOf()
    const { status, headers, body } = await ask(address, path)
    expect(status).toBe(404)
    expect(headers['content-type']).toBe('application/json')
    expect(JSON.parse(body.toString()).errors[0].code).toMatch(/UNKNOWN$/)
  })

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('refuses %s: nothing can be written', async (method) => {
    const { address, content } = await mirrorOf()
    expect((await ask(address, blobPath, { method })).status).toBe(405)
    expect(content.asked).toEqual([])
  })

  it.each(['//', '/v2/%', '/v2/%ff/manifests/v1'])('answers what is no address (%s) with 400', async (path) => {
    const { address } = await mirrorOf()
    expect((await ask(address, path)).status).toBe(400)
    expect((await ask(address, '/v2/')).status).toBe(200)
  })

  it('cuts the body when the rest cannot be had: the client then asks for it with a range', async () => {
    const { address, content } = await mirrorOf()
    content.read = async function* (offset) {
      yield BLOB.subarray(offset, 50_000)
      throw new Error('the desk is gone')
    }
    const { body, cut } = await ask(address, blobPath)
    expect(cut).toBe(true)
    expect(body.length).toBeLessThanOrEqual(50_000)
    expect(body).toEqual(BLOB.subarray(0, body.length))
    await delay(20)
    expect(content.done).toEqual([false])
  })

  it('answers 500 when the content fails before its first word', async () => {
    const content = new FakeContent()
    content.manifest = () => Promise.reject(new Error('the desk is gone'))
    const { address } = await mirrorOf(content)
    expect((await ask(address, `/v2/${NAME}/manifests/v1`)).status).toBe(500)
  })

  it('reads no further for a client that hung up, and says that the body was cut', async () => {
    const { address, content } = await mirrorOf()
    let given = 0
    let ended = false
    content.read = async function* () {
      try {
        for (; given < 1000; given += 1) {
          await delay(1)
          yield Buffer.alloc(100_000)
        }
      } finally {
        ended = true
      }
    }
    await ask(address, blobPath, { hangUpAfter: 100_000 })
    await delay(200)
    expect(ended).toBe(true)
    expect(given).toBeLessThan(200)
    expect(content.done).toEqual([false])
  })

  it('says that the body was cut when the client hangs up before the last of it was taken', async () => {
    const { address, content } = await mirrorOf()
    content.read = async function* () {
      // More than the sockets take at once, in one piece, and nothing after it.
      yield Buffer.alloc(50_000_000)
    }
    const blob = content.blob.bind(content)
    content.blob = async (digest) => {
      const found = await blob(digest)
      return found && { ...found, sizeBytes: 50_000_000 }
    }
    await ask(address, blobPath, { hangUpAfter: 10_000 })
    for (let round = 0; round < 100 && content.done.length === 0; round += 1) await delay(10)
    expect(content.done).toEqual([false])
  })

  it('keeps no connection open for long: they would hold up the end', async () => {
    const { address } = await mirrorOf()
    const startedAt = Date.now()
    await askRaw(address, 'GET /v2/ HTTP/1.1\r\nHost: m\r\n\r\n')
    expect(Date.now() - startedAt).toBeLessThan(5_000)
  })

  it('ends at once, whoever is still waiting', async () => {
    const { address, content, mirror } = await mirrorOf()
    content.read = async function* () {
      yield BLOB.subarray(0, 10)
      await new Promise(() => {})
    }
    const waiting = ask(address, blobPath)
    await delay(50)
    await mirror.close()
    expect((await waiting).cut).toBe(true)
  })
})
