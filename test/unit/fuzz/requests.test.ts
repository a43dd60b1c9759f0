import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { readAsset } from '../../../agent/page/assets.ts'
import { Reports } from '../../../agent/page/reports.ts'
import { servePage } from '../../../agent/page/serve-page.ts'
import { serveMirror } from '../../../agent/store/mirror.ts'
import { storeContent } from '../../../agent/store/store-content.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { encodeBundleManifest } from '../../../bundles/format/index-json.ts'
import { jsonBytes } from '../../../bundles/format/json-bytes.ts'
import { MEDIA_TYPES } from '../../../bundles/format/manifest.ts'
import { temporaryStore } from '../store/temporary-store.ts'
import { FUZZ_LIMIT_MS, holds } from './holds.ts'

const SENTINEL = 'nobody outside may read this'
const BLOB = Buffer.from('a blob of the store '.repeat(50))
const NAME = 'docker.io/mojaloop/central-ledger'

const METHODS: string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'BREW']
const segment = fc.oneof(
  fc.constantFrom(
    '..',
    '.',
    '',
    '%',
    '%2e%2e',
    '%2e%2e%2f',
    '..%2f..%2f',
    '%00',
    '%ff',
    '..%5c',
    '..;',
    '*',
    'outside',
  ),
  fc.constantFrom('v2', 'blobs', 'manifests', 'sha256', 'api', 'reports', 'secret', 'status', 'etc', 'passwd', 'v1'),
  fc.constantFrom(digestOf(BLOB), digestOf(SENTINEL), `sha256:../../${'a'.repeat(58)}`, 'sha256:', 'sha512:ff'),
  fc.stringMatching(/^[!-~]{0,20}$/),
)
const path = fc.oneof(
  fc.array(segment, { maxLength: 8 }).map((segments) => `/${segments.join('/')}`),
  segment.map((last) => `/v2/${NAME}/blobs/${last}`),
  segment.map((last) => `/v2/${NAME}/manifests/${last}`),
  fc.tuple(segment, segment).map(([name, last]) => `/v2/${name}/manifests/${last}`),
  segment.map((last) => `/api/reports/${last}`),
  fc.constantFrom('//', '/\\', 'http://elsewhere/v2/', '*', '/v2/?..', `/v2/${NAME}/blobs/${digestOf(BLOB)}#`),
)
const range = fc.oneof(
  fc.nat(2 * BLOB.length).map((from) => `bytes=${from}-`),
  fc.constantFrom('bytes=-1', 'bytes=-', 'bytes=0-0', 'bytes=5-2', 'bytes=0-,0-,0-', 'lines=1-', 'bytes=-99999999'),
  fc.constantFrom('bytes=99999999999999999999999999999-', `bytes=${'9'.repeat(400)}-`, 'bytes=1e9-', 'bytes=0x10-'),
)
const requests = fc.record({
  method: fc.oneof({ weight: 3, arbitrary: fc.constant<string>('GET') }, fc.constantFrom(...METHODS)),
  path,
  headers: fc.record({ range, body: fc.string({ maxLength: 20 }) }, { requiredKeys: [] }),
})
type Asked = typeof requests extends fc.Arbitrary<infer T> ? T : never

/** Sends a request as bytes and gives all that came back. */
function answerTo(address: string, { method, path, headers }: Asked): Promise<string> {
  const [host, port] = address.split(':')
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${address}`,
    'Connection: close',
    ...(headers.range === undefined ? [] : [`Range: ${headers.range}`]),
    ...(headers.body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(headers.body)}`]),
  ]
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port) })
    let answer = ''
    socket.setEncoding('latin1').on('data', (piece) => {
      answer += piece
    })
    socket.on('error', reject).on('close', () => resolve(answer))
    socket.setTimeout(10_000, () => reject(new Error(`no end of the answer to ${lines[0]}`)))
    socket.write(`${lines.join('\r\n')}\r\n\r\n${headers.body ?? ''}`)
  })
}

/** A store with a bundle, a link that leads out of it, and the sentinel around it. */
async function keptStore() {
  const store = await temporaryStore()
  const put = async (bytes: Buffer) => {
    await writeFile(store.blobPath(digestOf(bytes)), bytes)
    return { digest: digestOf(bytes), size: bytes.length }
  }
  const layer = { mediaType: MEDIA_TYPES.blob, ...(await put(BLOB)) }
  const manifest = await put(jsonBytes({ schemaVersion: 2, config: layer, layers: [layer] }))
  const descriptor = { mediaType: MEDIA_TYPES.manifest, ...manifest }
  const artifact = { kind: 'image' as const, name: `${NAME}:v1`, platform: undefined, unpackedBytes: 1, descriptor }
  const facts = { deployment: 'test', version: '1', profiles: [], artifacts: [artifact] }
  const bundle = await put(encodeBundleManifest(facts))
  const outside = join(dirname(store.root), 'outside')
  await mkdir(outside)
  await writeFile(join(outside, 'secret'), SENTINEL)
  await writeFile(join(store.root, 'secret'), SENTINEL)
  return { store, bundle: bundle.digest, outside }
}

const filesBelow = async (folder: string) => (await readdir(folder, { recursive: true })).sort()
const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1])
const bodyOf = (answer: string) => answer.slice(answer.indexOf('\r\n\r\n') + 4)
const lengthOf = (answer: string) => Number(/^content-length: (\d+)\r$/im.exec(answer)?.[1])

describe('whatever is asked over HTTP', () => {
  it(
    'the mirror reads nothing outside of its store, writes nothing, and stays up',
    async () => {
      const { store, bundle } = await keptStore()
      const mirror = await serveMirror(storeContent(store, bundle))
      onTestFinished(() => mirror.close())
      const before = await filesBelow(dirname(store.root))
      await holds(requests, 300, async (asked) => {
        const answer = await answerTo(mirror.address, asked)
        expect(answer).not.toContain(SENTINEL)
        expect([200, 206, 400, 404, 405, 416]).toContain(statusOf(answer))
        if (statusOf(answer) < 300) expect(['GET', 'HEAD']).toContain(asked.method)
        // Of a part, the whole of it: what follows would be taken for another answer.
        if (statusOf(answer) < 300 && asked.method === 'GET' && lengthOf(answer) >= 0)
          expect(bodyOf(answer)).toHaveLength(lengthOf(answer))
      })
      expect(await filesBelow(dirname(store.root))).toEqual(before)
      const good = { method: 'GET', path: `/v2/${NAME}/blobs/${digestOf(BLOB)}`, headers: {} }
      expect(bodyOf(await answerTo(mirror.address, good))).toBe(BLOB.toString())
    },
    FUZZ_LIMIT_MS,
  )

  it(
    'the page gives nothing but its own files and reports, takes no orders, and stays up',
    async () => {
      const { store, outside } = await keptStore()
      const folder = join(store.root, 'reports')
      await mkdir(folder)
      await symlink(join(outside, 'secret'), join(folder, 'secret.json'))
      await symlink(outside, join(folder, 'outside'))
      const reports = new Reports(folder)
      const page = await servePage(
        {
          asset: readAsset,
          status: async () => ({}),
          history: async () => ({}),
          events: async () => [],
          reports: () => reports.list(),
          report: (run) => reports.text(run),
          metrics: async () => '',
        },
        0,
      )
      onTestFinished(() => page.close())
      await holds(requests, 300, async (asked) => {
        const answer = await answerTo(page.address, asked)
        expect(answer).not.toContain(SENTINEL)
        expect([200, 400, 404, 405]).toContain(statusOf(answer))
        if (statusOf(answer) === 200) expect(['GET', 'HEAD']).toContain(asked.method)
      })
      expect(statusOf(await answerTo(page.address, { method: 'GET', path: '/', headers: {} }))).toBe(200)
    },
    FUZZ_LIMIT_MS,
  )
})
