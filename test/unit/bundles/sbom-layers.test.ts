import { describe, expect, it } from 'vitest'
import { type ImageContent, imageContent } from '../../../bundles/build/sbom/image-content.ts'
import { type LayerContent, scanLayer } from '../../../bundles/build/sbom/read-layer.ts'
import { deb, type LayerEntry, layerTar, npm } from './layer-tar.ts'

/** Reads a layer in chunks that end where they like. */
function scanned(tar: Buffer, chunkBytes = 700): LayerContent {
  const scan = scanLayer()
  for (let at = 0; at < tar.length; at += chunkBytes) scan.write(tar.subarray(at, at + chunkBytes))
  return scan.end()
}

function contentOf(...layers: Record<string, LayerEntry>[]): ImageContent {
  return imageContent(layers.map((entries) => scanned(layerTar(entries))))
}

const names = ({ packages }: ImageContent): string[] => packages.map(({ name, version }) => `${name} ${version}`)

describe('reading layers', () => {
  it('finds what dpkg has installed, and leaves out what is only configured', () => {
    const removed = deb('gone', '1').replace('install ok installed', 'deinstall ok config-files')
    const status = deb('libc6', '2.36-9+deb12u4', 'Source: glibc (2.36-9)\n') + removed + deb('zlib1g', '1:1.2.13')
    const { packages } = contentOf({ 'var/lib/dpkg/status': status })
    expect(packages).toEqual([
      { type: 'deb', name: 'libc6', version: '2.36-9+deb12u4', architecture: 'amd64', source: 'glibc' },
      { type: 'deb', name: 'zlib1g', version: '1:1.2.13', architecture: 'amd64' },
    ])
  })

  it('finds the packages of an image without a package manager, a file each', () => {
    const base = 'Package: base-files\nVersion: 12.4\nArchitecture: amd64\n'
    const content = contentOf({
      './var/lib/dpkg/status.d/base': base,
      './var/lib/dpkg/status.d/base.md5sums': `${'0'.repeat(32)}  etc/x\n`,
    })
    expect(names(content)).toEqual(['base-files 12.4'])
  })

  it('finds what apk has installed', () => {
    const installed =
      'C:Q1x=\nP:musl\nV:1.2.4-r2\nA:x86_64\no:musl\nF:lib\nR:x\n\nP:ssl_client\nV:1.36.1-r5\no:busybox\n'
    const { packages, system } = contentOf({
      'lib/apk/db/installed': installed,
      'etc/os-release': 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.18.4\n',
    })
    expect(packages).toMatchObject([{ name: 'musl' }, { name: 'ssl_client', version: '1.36.1-r5', source: 'busybox' }])
    expect(system).toEqual({ id: 'alpine', version: '3.18.4' })
  })

  it('finds npm packages wherever there is a node_modules, each version once', () => {
    const content = contentOf({
      'opt/app/package.json': npm('app', '1.0.0'),
      'opt/app/node_modules/a/package.json': npm('a', '1.0.0'),
      'opt/app/node_modules/@scope/b/package.json': npm('@scope/b', '2.0.0'),
      'opt/app/node_modules/@scope/b/node_modules/a/package.json': npm('a', '0.9.0'),
      'usr/lib/node_modules/a/package.json': npm('a', '1.0.0'),
      'opt/app/node_modules/a/esm/package.json': '{"type":"module"}',
      'opt/app/node_modules/broken/package.json': '{"name":',
    })
    expect(names(content)).toEqual(['@scope/b 2.0.0', 'a 0.9.0', 'a 1.0.0'])
  })

  it('takes the system from /etc/os-release, or from where that leads', () => {
    const content = contentOf({
      'usr/lib/os-release': 'ID=debian\nVERSION_ID="12"\n',
      'etc/os-release': { type: 'SymbolicLink', linkpath: '../usr/lib/os-release' },
    })
    expect(content.system).toEqual({ id: 'debian', version: '12' })
  })

  it('reads paths that are too long for a plain header', () => {
    const path = `opt/${'deep/'.repeat(30)}node_modules/a/package.json`
    const record = ` path=${path}\n`
    const length = String(record.length + 3)
    const header = extendedHeader(`${length}${record}`)
    const tar = Buffer.concat([header, layerTar({ short: npm('a', '1.0.0') })])
    expect(names(imageContent([scanned(tar)]))).toEqual(['a 1.0.0'])
  })
})

describe('laying layers over each other', () => {
  const lower = {
    'app/node_modules/a/package.json': npm('a', '1.0.0'),
    'app/node_modules/b/package.json': npm('b', '1.0.0'),
    'var/lib/dpkg/status': deb('one', '1') + deb('two', '1'),
  }

  it('takes a file from the uppermost layer that has it', () => {
    const content = contentOf(lower, {
      'var/lib/dpkg/status': deb('one', '2'),
      'app/node_modules/a/package.json': npm('a', '2.0.0'),
    })
    expect(names(content)).toEqual(['one 2', 'a 2.0.0', 'b 1.0.0'])
  })

  it('leaves out a file and a folder that an upper layer removes', () => {
    expect(names(contentOf(lower, { 'app/node_modules/a/.wh.package.json': '' }))).not.toContain('a 1.0.0')
    expect(names(contentOf(lower, { 'app/.wh.node_modules': '' }))).toEqual(['one 1', 'two 1'])
    expect(names(contentOf(lower, { '.wh.app': '' }))).toEqual(['one 1', 'two 1'])
  })

  it('honours removals that are written as links too', () => {
    const whiteout = { type: 'File', linkpath: '/.wh..wh.aufs' } as const
    const content = contentOf(lower, { 'app/.wh.node_modules': whiteout })
    expect(names(content)).toEqual(['one 1', 'two 1'])
    expect(content.unread).toEqual([])
  })

  it('keeps what the same layer has in a folder that it empties', () => {
    const content = contentOf(lower, {
      'app/node_modules/c/package.json': npm('c', '1.0.0'),
      'app/node_modules/.wh..wh..opq': '',
    })
    expect(names(content)).toEqual(['one 1', 'two 1', 'c 1.0.0'])
  })

  it('keeps what is removed and put back', () => {
    const content = contentOf(lower, { 'app/.wh.node_modules': '' }, lower)
    expect(names(content)).toEqual(['one 1', 'two 1', 'a 1.0.0', 'b 1.0.0'])
  })

  it('leaves out a folder that a link takes the place of', () => {
    const content = contentOf(lower, { 'app/node_modules': { type: 'SymbolicLink', linkpath: '/elsewhere' } })
    expect(names(content)).toEqual(['one 1', 'two 1'])
  })

  it('follows a second name of a file, and says when it cannot', () => {
    const store = { 'app/node_modules/d/package.json': { type: 'Link', linkpath: 'app/node_modules/a/package.json' } }
    expect(contentOf({ ...lower, ...store } as Record<string, LayerEntry>)).toMatchObject({ unread: [] })
    const away = { 'app/node_modules/d/package.json': { type: 'Link', linkpath: 'root/store/00' } } as const
    expect(contentOf({ 'root/store/00': npm('d', '1.0.0'), ...away }).unread).toEqual(['a list that is a link'])
  })
})

describe('what is not read', () => {
  it('is told: rpm packages, as long as they are there', () => {
    const rpm = { 'var/lib/rpm/rpmdb.sqlite': 'x' }
    expect(contentOf(rpm).unread).toEqual(['rpm packages'])
    expect(contentOf(rpm, { 'var/lib/.wh.rpm': '' }).unread).toEqual([])
  })

  it('is told: a layer that is none', () => {
    const cut = layerTar({ 'a/node_modules/b/package.json': 'x'.repeat(2000) }).subarray(0, 1024)
    for (const bytes of [Buffer.from('layer '.repeat(1000)), cut, Buffer.from([0x1f, 0x8b, 8, 0, 0, 0])])
      expect(imageContent([scanned(bytes)]).unread).toEqual(['a damaged layer'])
    expect(imageContent([scanned(Buffer.alloc(1024))]).unread).toEqual([])
  })
})

describe('a layer that means no good', () => {
  it('is held in memory up to a limit, and what lists it says so', () => {
    const many = Object.fromEntries(
      Array.from({ length: 200 }, (_, at) => [`node_modules/p${at}/package.json`, npm('p', `${at}`)]),
    )
    const scan = scanLayer(10_000)
    scan.write(layerTar(many))
    const content = scan.end()
    expect(Object.keys(content.files).length).toBeLessThan(40)
    expect(content.unread).toEqual({ '.': 'more than can be listed' })
    const gone = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`a/.wh.${at}`, '']))
    const scanGone = scanLayer(10_000)
    scanGone.write(layerTar(gone))
    expect(scanGone.end()).toMatchObject({ unread: { '.': 'more than can be listed' } })
  })

  it('holds nothing of what follows its end', () => {
    const scan = scanLayer()
    scan.write(layerTar({ 'node_modules/a/package.json': npm('a', '1') }))
    const zeros = Buffer.alloc(64 * 1024)
    const before = process.memoryUsage().arrayBuffers
    for (let times = 0; times < 4_000; times += 1) scan.write(zeros)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024)
    expect(Object.keys(scan.end().files)).toEqual(['node_modules/a/package.json'])
  })

  it('has no path that takes for ever to look at', () => {
    const path = `${'node_modules/'.repeat(70_000)}x`
    const record = (length: number): string => `${length} path=${path}\n`
    const length =
      [...'1234567'].map((_, digits) => path.length + 7 + digits + 1).find((n) => record(n).length === n) ?? 0
    const tar = Buffer.concat([extendedHeader(record(length)), layerTar({ short: 'x' })])
    expect(imageContent([scanned(tar, tar.length)]).unread).toEqual(['a damaged layer'])
  })
})

/** An entry that says something about the next one: `x` is its type in tar. */
function extendedHeader(content: string): Buffer {
  const tar = layerTar({ PaxHeader: content })
  const entry = tar.subarray(0, tar.length - 1024)
  entry.write('x', 156, 'latin1')
  entry.fill(' ', 148, 156)
  const sum = entry.subarray(0, 512).reduce((total, byte) => total + byte, 0)
  entry.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return entry
}
