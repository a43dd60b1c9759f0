import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { readLock } from '../../../bundles/build/lock.ts'
import { ANNOTATIONS } from '../../../bundles/format/manifest.ts'
import { openBundle } from '../../../bundles/format/open.ts'
import { readArtifactManifest, readSmallBlob, titledLayers } from '../../../bundles/format/read-artifact.ts'
import { verifyBundle } from '../../../bundles/format/verify.ts'
import { buildIn, specOf } from '../../unit/bundles/build-in.ts'

/** An apt archive in this process, signed with a key made for the test: gpg and gpgv are real. */
let home: string
let server: Server
let url: string
let files: Map<string, Buffer>
let folder: string

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mojabox-gpg-'))
  const key = [
    '--batch',
    '--passphrase',
    '',
    '--quick-generate-key',
    'Archive <archive@example.com>',
    'ed25519',
    'sign',
    '0',
  ]
  gpg(key)
  writeFileSync(join(home, 'archive.gpg'), gpg(['--export']))
  writeFileSync(join(home, 'archive.asc'), gpg(['--armor', '--export']))
  server = createServer((request, response) => {
    const content = files.get(decodeURIComponent(request.url ?? ''))
    response.writeHead(content === undefined ? 404 : 200).end(content)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/debian`
})

afterAll(() => {
  execFileSync('gpgconf', ['--homedir', home, '--kill', 'all'], { stdio: 'ignore' })
  rmSync(home, { recursive: true, force: true })
  server.close()
})

beforeEach(() => {
  folder = mkdtempSync(join(home, 'build-'))
  files = new Map()
  publish()
})

function gpg(args: string[], input?: string): Buffer {
  return execFileSync('gpg', ['--homedir', home, ...args], { input, stdio: ['pipe', 'pipe', 'ignore'] })
}

const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex')

/** Puts packages into the archive and signs its index. */
function publish(text = (release: string) => release, sign = true): void {
  const packages = [
    ['libc', '2.36', 'Essential: yes'],
    ['engine', '1:20.10', 'Depends: runtime (>= 1), libc (>= 2.34)\nInstalled-Size: 100'],
    ['runtime', '1.1', 'Depends: libc\nInstalled-Size: 20'],
    ['unrelated', '1', 'Installed-Size: 5'],
  ].map(([name, version = '', fields]) => {
    const deb = Buffer.from(`a package: ${name} ${version}`)
    const path = `pool/main/${name}_${version.replace(/^\d+:/, '')}_amd64.deb`
    files.set(`/debian/${path}`, deb)
    return `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\n${fields}\nDescription: long\n text\nFilename: ${path}\nSize: ${deb.length}\nSHA256: ${sha256(deb)}\n`
  })
  const index = gzipSync(packages.join('\n'))
  files.set('/debian/dists/stable/main/binary-amd64/Packages.gz', index)
  const release = text(
    `Origin: Test\nSuite: stable\nCodename: stable\nSHA256:\n ${sha256(index)} ${index.length} main/binary-amd64/Packages.gz\n`,
  )
  files.set('/debian/dists/stable/InRelease', sign ? gpg(['--batch', '--clearsign'], release) : Buffer.from(release))
}

const SPEC = specOf({})
  .replace('archives: {}', 'archives: { debian: { origin: Test, suites: [stable], keyrings: [] } }')
  .replace(
    'distributions: {}',
    `distributions:
  test-1:
    archives: [{ archive: debian, suites: [stable], components: [main] }]
    host: []
    install: [engine]`,
  )

const build = (keyring = 'archive.gpg', spec = SPEC) =>
  buildIn(folder, {
    spec,
    origins: { aptMirrors: { debian: url }, aptKeyrings: { debian: join(home, keyring) } },
    options: { lockPath: join(folder, 'lock.json') },
  })

const refusal = (facts: object) => expect.objectContaining({ facts: expect.objectContaining(facts) })

describe('packages of a signed apt archive', () => {
  it('carries what is wanted and its dependencies, less what hosts have, with an index for apt', async () => {
    const { path } = await build()
    const bundle = await openBundle(path)
    const [artifact] = bundle.manifest.artifacts
    if (artifact === undefined) throw new Error('no artifact')
    const manifest = await readArtifactManifest(bundle, artifact)
    const layers = titledLayers(manifest)
    const index = String(await readSmallBlob(bundle, layers.get('Packages')?.digest ?? 'sha256:'))
    await verifyBundle(bundle)
    await bundle.close()
    expect(artifact).toMatchObject({ kind: 'packages', name: 'test-1', unpackedBytes: 120 * 1024 })
    expect(artifact.platform).toEqual({ os: 'linux', architecture: 'amd64' })
    expect(manifest.annotations?.[ANNOTATIONS.install]).toBe('engine')
    expect([...layers.keys()]).toEqual(['Packages', 'engine_20.10_amd64.deb', 'runtime_1.1_amd64.deb'])
    expect(index).toContain('Version: 1:20.10\n')
    expect(index).toContain('Filename: ./engine_20.10_amd64.deb\n')
    expect(index).not.toContain('Description')
  })

  it('reads an armoured keyring', async () => {
    await expect(build('archive.asc')).resolves.toBeDefined()
  })

  it('builds the same from the lock when the archive has moved on', async () => {
    const first = await build()
    const before = sha256(readFileSync(first.path))
    const lock = await readLock(join(folder, 'lock.json'))
    files.delete('/debian/dists/stable/InRelease')
    rmSync(join(folder, 'cache'), { recursive: true })
    const again = await buildIn(folder, { spec: SPEC, origins: { aptMirrors: { debian: url } }, options: { lock } })
    expect(sha256(readFileSync(again.path))).toBe(before)
  })

  it('refuses an index that is not signed, or by another key, or changed after signing', async () => {
    publish(undefined, false)
    await expect(build()).rejects.toThrow(refusal({ code: 'archive-unsigned', kind: 'bundle' }))
    publish()
    const signed = String(files.get('/debian/dists/stable/InRelease'))
    files.set('/debian/dists/stable/InRelease', Buffer.from(signed.replace('Origin: Test', 'Origin: Tesu')))
    await expect(build()).rejects.toThrow(refusal({ code: 'archive-unsigned', kind: 'bundle' }))
    publish()
    const other = '/usr/share/keyrings/debian-archive-keyring.gpg'
    await expect(build(join('..', '..', other))).rejects.toThrow(refusal({ code: 'archive-unsigned' }))
  })

  it('says which keyring to name where none is known', async () => {
    const wanted = { spec: SPEC, origins: { aptMirrors: { debian: url } } }
    const next = expect.stringContaining('--apt-keyring debian=PATH')
    await expect(buildIn(folder, wanted)).rejects.toThrow(refusal({ code: 'archive-unsigned', kind: 'usage', next }))
  })

  it('refuses another archive than the spec means, though its signature is good', async () => {
    publish((release) => release.replace('Origin: Test', 'Origin: Other'))
    await expect(build()).rejects.toThrow(refusal({ code: 'archive-wrong', found: 'Other stable stable' }))
  })

  it('refuses packages and indexes with another digest', async () => {
    const path = '/debian/pool/main/runtime_1.1_amd64.deb'
    files.set(path, Buffer.alloc(files.get(path)?.length ?? 0))
    await expect(build()).rejects.toThrow(refusal({ code: 'digest-mismatch', kind: 'bundle' }))
    const index = '/debian/dists/stable/main/binary-amd64/Packages.gz'
    rmSync(join(folder, 'cache'), { recursive: true })
    files.set(index, Buffer.alloc(files.get(index)?.length ?? 0))
    await expect(build()).rejects.toThrow(refusal({ code: 'digest-mismatch', kind: 'bundle' }))
  })

  it('leaves out a distribution without an address, with a note, unless it is named', async () => {
    const notes: string[] = []
    const { manifest } = await buildIn(folder, { spec: SPEC, notes })
    expect(manifest.artifacts.map(({ kind }) => kind)).toEqual(['sbom'])
    expect(notes.join()).toMatch(/no packages for test-1.*--apt-mirror debian=URL/)
    const named = buildIn(folder, { spec: SPEC, distributions: ['test-1'] })
    await expect(named).rejects.toThrow(refusal({ code: 'archive-address-unknown', kind: 'usage' }))
  })

  it('takes address and key from an apt configuration', async () => {
    const aptFolder = join(folder, 'apt')
    mkdirSync(join(aptFolder, 'sources.list.d'), { recursive: true })
    const key = readFileSync(join(home, 'archive.asc'), 'utf8').trim().split('\n')
    const lines = key.map((line) => ` ${line === '' ? '.' : line}`)
    const stanza = ['Types: deb', `URIs: ${url}`, 'Suites: stable', 'Components: main', 'Signed-By:', ...lines]
    writeFileSync(join(aptFolder, 'sources.list.d', 'test.sources'), `${stanza.join('\n')}\n`)
    const { manifest } = await buildIn(folder, { spec: SPEC, origins: { aptFolder } })
    expect(manifest.artifacts.map(({ kind }) => kind)).toEqual(['packages', 'sbom'])
  })
})
