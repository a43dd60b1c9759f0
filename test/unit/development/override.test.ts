import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { sourceOf } from '../../../agent/development/backing.ts'
import { type Checkout, readCheckout, requireSourceOf } from '../../../agent/development/checkout.ts'
import { IMAGE_SCRIPT } from '../../../agent/development/image-script.ts'
import { ImageView } from '../../../agent/development/image-view.ts'
import { overrideOf } from '../../../agent/development/override.ts'
import { factsOf } from '../../../bundles/format/error.ts'

const checkout = (changes: Partial<Checkout> = {}): Checkout => ({
  path: '/src/ledger $1',
  name: '@mojaloop/central-ledger',
  version: '19.5.5',
  scripts: {},
  entries: ['src', 'migrations', 'node_modules', 'docs', 'package.json'],
  packageText: '{}',
  lockText: undefined,
  ...changes,
})
const view: ImageView = {
  folder: '/opt/app',
  entries: ['src', 'migrations', 'node_modules', 'logs', 'package.json'],
  npm: true,
  differing: [],
}
const parts = {
  service: 'central-ledger',
  image: 'docker.io/mojaloop/central-ledger:v19.5.5',
  command: ['node', 'src/api/index.js'],
  checkout: checkout(),
  view,
  debugPort: undefined,
}
// biome-ignore lint/suspicious/noExplicitAny: looked into freely
const serviceIn = (text: string): any => parse(text).services['central-ledger']

describe('overrideOf', () => {
  it('follows what the image has too: a restart for sources, none for migrations, a build for dependencies', () => {
    const { develop } = serviceIn(overrideOf(parts))
    expect(develop.watch).toMatchObject([
      { action: 'sync', path: '/src/ledger $$1/migrations', target: '/opt/app/migrations' },
      { action: 'sync+restart', path: '/src/ledger $$1/src', target: '/opt/app/src' },
      { action: 'rebuild', path: '/src/ledger $$1/package.json' },
    ])
  })

  it('builds on the released image, from it alone', () => {
    const { build } = serviceIn(overrideOf(parts))
    const lines: string[] = build.dockerfile_inline.split('\n')
    expect(lines[0]).toBe('FROM docker.io/mojaloop/central-ledger:v19.5.5')
    expect(lines.filter((line) => line.startsWith('COPY'))).toEqual([
      'COPY ["package.json","/mojabox-checkout/"]',
      'COPY ["package.json","./"]',
      'COPY ["migrations","/opt/app/migrations"]',
      'COPY ["src","/opt/app/src"]',
    ])
  })

  it('opens the debugger on the loopback only, and only when asked', () => {
    expect(serviceIn(overrideOf(parts))).not.toHaveProperty('ports')
    const debugged = serviceIn(overrideOf({ ...parts, debugPort: 9300 }))
    expect(debugged.ports).toEqual(['127.0.0.1:9300:9229'])
    expect(debugged.command).toEqual(['node', '--enable-source-maps', '--inspect=0.0.0.0:9229', 'src/api/index.js'])
    const scripted = serviceIn(overrideOf({ ...parts, command: ['npm', 'start'], debugPort: 9300 }))
    expect(scripted.environment.NODE_OPTIONS).toContain('--inspect')
  })
})

describe('a checkout', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mojabox-checkout-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('is known by its package’s name, and refused in another service’s place', async () => {
    await writeFile(join(folder, 'package.json'), '{"name":"quoting-service","version":"17.8.0"}')
    const found = await readCheckout(folder)
    const source = sourceOf('registry.example:5000/mojaloop/central-ledger:v19.5.5@sha256:0')
    try {
      requireSourceOf(found, 'central-ledger', source)
      expect.unreachable()
    } catch (error) {
      expect(factsOf(error)).toMatchObject({ code: 'checkout-other', found: 'package quoting-service 17.8.0' })
      expect(factsOf(error).needed).toContain('@mojaloop/central-ledger')
    }
    expect(requireSourceOf(found, 'quoting-service', sourceOf('mojaloop/quoting-service:v1')).rc).toBe('QUOTE')
  })

  it('is refused where there is no package.json', async () => {
    await expect(readCheckout(folder)).rejects.toMatchObject({ facts: { code: 'checkout-missing' } })
  })
})

describe('the script inside the image', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mojabox-image-'))
    await writeFile(
      join(folder, 'package.json'),
      JSON.stringify({ dependencies: { exact: '1.0.0', ranged: '^2.0.0', tool: '3.0.0' } }),
    )
    for (const [name, version] of [
      ['exact', '1.0.0'],
      ['ranged', '2.4.0'],
    ] as const) {
      await mkdir(join(folder, 'node_modules', name), { recursive: true })
      await writeFile(join(folder, 'node_modules', name, 'package.json'), JSON.stringify({ version }))
    }
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  async function look(dependencies: Record<string, string>, locked?: Record<string, string>): Promise<ImageView> {
    const packages = Object.entries(locked ?? {}).map(([name, version]) => [`node_modules/${name}`, { version }])
    const lock = locked && JSON.stringify({ packages: Object.fromEntries(packages) })
    const child = promisify(execFile)(process.execPath, ['-e', IMAGE_SCRIPT], { cwd: folder })
    child.child.stdin?.end(JSON.stringify({ package: JSON.stringify({ dependencies }), lock }))
    return ImageView.parse(JSON.parse((await child).stdout))
  }

  it('finds nothing that differs where the dependencies are the released ones, a tool left out included', async () => {
    const { differing, entries } = await look({ exact: '1.0.0', ranged: '^2.0.0', tool: '3.0.0' })
    expect(differing).toEqual([])
    expect(entries).toContain('node_modules')
  })

  it('goes by the lock where there is one', async () => {
    expect((await look({ ranged: '^2.0.0' }, { ranged: '2.4.0' })).differing).toEqual([])
    expect((await look({ ranged: '^2.0.0' }, { ranged: '2.5.0' })).differing).toEqual([
      { name: 'ranged', wanted: '2.5.0', installed: '2.4.0' },
    ])
  })

  it('names what is new or newer', async () => {
    const { differing } = await look({ exact: '1.1.0', fresh: '^0.1.0' })
    expect(differing).toEqual([
      { name: 'exact', wanted: '1.1.0', installed: '1.0.0' },
      { name: 'fresh', wanted: '^0.1.0', installed: null },
    ])
  })
})
