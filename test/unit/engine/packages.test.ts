import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import type { NodeBundle } from '../../../agent/contract/step.ts'
import { packages } from '../../../agent/engine/steps/packages.ts'
import { Arrivals } from '../../../agent/store/arrivals.ts'
import { Store } from '../../../agent/store/store.ts'
import { ANNOTATIONS, type Digest, MEDIA_TYPES } from '../../../bundles/format/manifest.ts'
import { orderOf } from '../service/orders.ts'
import { FakeDesk } from '../store/fake-desk.ts'
import { contextOf, FakeCommands } from './step-context.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('./node-paths.ts')).pathsBelow())
// This machine has a Docker of its own: what would be taken away outside the test's folder is only noted.
const removed = vi.hoisted(() => [] as string[])
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>()
  const { tmpdir } = await import('node:os')
  const rm: typeof real.rm = async (path, options) => {
    if (String(path).startsWith(tmpdir())) return real.rm(path, options)
    removed.push(String(path))
  }
  return { ...real, default: { ...real, rm }, rm }
})
afterEach(() => rm(NODE_PATHS.root, { recursive: true, force: true }))

const DOCKER = 'docker.io_26.1.5+dfsg1-9+b11_amd64.deb'
const RUNC = 'runc_1.1.15+ds1-2+b4_amd64.deb'

/** A packages artifact whose blobs are in the node's store. */
async function stored(titles: string[] = [DOCKER, RUNC, 'Packages']) {
  const desk = new FakeDesk()
  const store = new Store(NODE_PATHS.store)
  await store.prepare()
  const layers = titles.map((title) => ({
    mediaType: MEDIA_TYPES.debianPackage,
    digest: desk.add(`content of ${title}`),
    size: `content of ${title}`.length,
    annotations: { [ANNOTATIONS.title]: title },
  }))
  const config = { mediaType: MEDIA_TYPES.empty, ...desk.addJson({}) }
  const { digest } = desk.addJson({ schemaVersion: 2, config, layers })
  for (const [blob, bytes] of desk.blobs) await writeFile(store.blobPath(blob), bytes)
  const readBlob = async (wanted: Digest) => desk.blobs.get(wanted) ?? Buffer.alloc(0)
  const params = { distribution: 'debian-13', artifact: digest, wanted: ['docker.io', 'docker-compose'] }
  return { store, params, bundle: { readBlob } as NodeBundle, desk, layers }
}

const dpkg = (rows: string, docker = 0) =>
  new FakeCommands((argv) => {
    if (argv[0] === 'docker') return { code: docker }
    if (argv[0] === 'dpkg-query') return rows
    if (argv[0] === 'ip') return '1: lo: <LOOPBACK>\n2: eth0@if3: <UP>\n'
    return undefined
  })

describe('isDone', () => {
  const done = (rows: string) =>
    packages.isDone(contextOf({ run: dpkg(rows).run }), {
      distribution: 'debian-13',
      artifact: `sha256:${'0'.repeat(64)}`,
      wanted: ['docker.io', 'docker-compose'],
    })

  it('wants every package installed, not merely known to dpkg', async () => {
    expect(await done('ii  docker.io\nii  docker-compose\nii  zlib1g\n')).toBe(true)
    expect(await done('ii  docker.io\nrc  docker-compose\n')).toBe(false)
    expect(await done('ii  docker.io\niU  docker-compose\n')).toBe(false)
    expect(await done('ii  docker.io\nii  docker-compose-doc\n')).toBe(false)
    expect(await done('')).toBe(false)
  })
})

describe('apply', () => {
  it('lays the packages out under their own names, lets apt see them alone, and clears up', async () => {
    const { store, params, bundle } = await stored()
    const folder = join(NODE_PATHS.packages, 'debian-13')
    let during: string[] = []
    let sources = ''
    const commands = new FakeCommands((argv) => (argv[0] === 'dpkg-query' ? '' : undefined))
    const run: typeof commands.run = async (argv, options) => {
      if (argv.includes('update')) {
        during = await readdir(folder)
        sources = await readFile(join(folder, 'sources.list'), 'utf8')
      }
      return commands.run(argv, options)
    }
    await packages.apply(contextOf({ run, store, bundle }), params)
    expect(during.toSorted()).toEqual(['Packages', 'cache', DOCKER, RUNC, 'sources.list', 'state'].toSorted())
    expect(sources).toBe(`deb [trusted=yes] file:${folder} ./\n`)
    expect(await stat(folder).catch(() => 'gone')).toBe('gone')
  })

  it('brings a package anew that was damaged in the store since', async () => {
    const { store, params, bundle, desk, layers } = await stored()
    const [docker] = layers
    if (!docker) throw new Error('no layer')
    await writeFile(store.blobPath(docker.digest), 'damaged '.repeat(3))
    const folder = join(NODE_PATHS.packages, 'debian-13')
    let laidOut = ''
    const commands = dpkg('')
    const run: typeof commands.run = async (argv, options) => {
      if (argv.includes('update')) laidOut = await readFile(join(folder, DOCKER), 'utf8')
      return commands.run(argv, options)
    }
    const arrivals = new Arrivals(store, desk.fetch, new AbortController().signal)
    await packages.apply(contextOf({ run, store, bundle, arrivals }), params)
    expect(laidOut).toBe(`content of ${DOCKER}`)
    expect(desk.asked).toEqual([{ digest: docker.digest, offset: 0 }])
  })

  it('asks no other source than the bundle’s, keeps apt’s own state out of it and removes nothing', async () => {
    const { store, params, bundle } = await stored()
    const commands = dpkg('')
    await packages.apply(contextOf({ run: commands.run, store, bundle }), params)
    const [update, install] = commands.ran.filter(({ argv }) => argv[0] === 'apt-get')
    const folder = join(NODE_PATHS.packages, 'debian-13')
    for (const call of [update, install]) {
      const options = call?.argv.filter((_, index, all) => all[index - 1] === '-o') ?? []
      expect(options).toContain(`Dir::Etc::sourcelist=${folder}/sources.list`)
      expect(options).toContain('Dir::Etc::sourceparts=/dev/null')
      expect(options).toContain(`Dir::State=${folder}/state`)
      expect(options).toContain('Dir::State::status=/var/lib/dpkg/status')
      expect(options).toContain(`Dir::Cache=${folder}/cache`)
      expect(options).toContain('Dpkg::Options::=--force-confold')
      expect(options.some((option) => option.startsWith('DPkg::Lock::Timeout='))).toBe(true)
    }
    expect(install?.argv.slice(install.argv.indexOf('install'))).toEqual([
      'install',
      '-y',
      '--no-install-recommends',
      '--no-remove',
      'docker.io',
      'docker-compose',
    ])
    expect(install?.options.env).toMatchObject({ DEBIAN_FRONTEND: 'noninteractive' })
  })

  it.each(['../evil.deb', '/etc/cron.d/evil', 'a/b.deb', '-oDir=x', '', '.hidden', 'a\nb.deb', 'a b.deb'])(
    'writes no file outside its folder: refuses the name %j',
    async (title) => {
      const { store, params, bundle } = await stored([title])
      const commands = dpkg('')
      await expect(packages.apply(contextOf({ run: commands.run, store, bundle }), params)).rejects.toThrow(/name/)
      expect(commands.lines.filter((line) => line.startsWith('apt-get'))).toEqual([])
    },
  )

  it.each(['sources.list', 'state', 'cache'])('lets no package take the place of apt’s own %s', async (title) => {
    const { store, params, bundle } = await stored([title])
    const before = await Promise.all((await store.list()).map((digest) => readFile(store.blobPath(digest), 'utf8')))
    await packages.apply(contextOf({ run: dpkg('').run, store, bundle }), params).catch(() => {})
    const after = await Promise.all((await store.list()).map((digest) => readFile(store.blobPath(digest), 'utf8')))
    expect(after).toEqual(before)
  })

  it('finishes an installation first that was killed half-way', async () => {
    const { store, params, bundle } = await stored()
    const commands = new FakeCommands((argv) =>
      argv.includes('--audit') ? 'The following packages are only half configured:\n docker.io\n' : '',
    )
    const context = contextOf({ run: commands.run, store, bundle })
    await packages.apply(context, params)
    const programs = commands.lines.map((line) => line.split(' -o ')[0])
    expect(programs.indexOf('dpkg --configure -a')).toBeGreaterThan(-1)
    expect(programs.indexOf('dpkg --configure -a')).toBeLessThan(programs.indexOf('apt-get'))
    expect(context.notes).toHaveLength(1)
  })

  it('starts from a clean folder after a run that was killed', async () => {
    const { store, params, bundle } = await stored()
    const failing = new FakeCommands((argv) => (argv.includes('update') ? { code: 100 } : ''))
    await expect(packages.apply(contextOf({ run: failing.run, store, bundle }), params)).rejects.toThrow()
    await packages.apply(contextOf({ run: dpkg('').run, store, bundle }), params)
  })
})

describe('undo', () => {
  const traces = {
    paths: [],
    emptyPaths: [],
    groups: ['docker'],
    links: ['lo', 'eth0'],
    ipForward: '1',
    forwardPolicies: { iptables: 'ACCEPT', ip6tables: 'ACCEPT' },
    chains: { iptables: [], ip6tables: [] },
  }
  const CARRIED = ['docker.io', 'runc', 'iptables']
  const stateBefore = (installed: string[]) => ({ installed, carried: CARRIED, traces })

  it('takes away what Docker left, but neither what was there before nor data', async () => {
    const { store, params } = await stored()
    removed.length = 0
    const before = { ...stateBefore([]), traces: { ...traces, paths: ['/etc/docker'] } }
    const gone = dpkg('', 1)
    await packages.undo?.(contextOf({ run: gone.run, store }), params, before)
    expect(removed).toContain('/etc/containerd')
    expect(removed).not.toContain('/etc/docker')
  })

  it('purges what came with the bundle and was not there, whatever state it is in', async () => {
    const { store, params } = await stored([DOCKER, RUNC, 'iptables_1.8.11-2_amd64.deb', 'Packages'])
    const commands = dpkg('ii  docker.io\nrc  runc\nii  iptables\nii  zlib1g\n')
    const before = stateBefore(['iptables', 'zlib1g'])
    await packages.undo?.(contextOf({ run: commands.run, store }), params, before)
    expect(commands.lines.filter((line) => line.startsWith('dpkg --purge'))).toEqual(['dpkg --purge docker.io runc'])
  })

  it('purges nothing where all of it was there', async () => {
    const { store, params } = await stored()
    const commands = dpkg('ii  docker.io\nii  runc\n')
    const before = stateBefore(['docker.io', 'runc'])
    await packages.undo?.(contextOf({ run: commands.run, store }), params, before)
    expect(commands.lines.some((line) => line.startsWith('dpkg --purge'))).toBe(false)
  })

  it('takes Docker’s rules away while iptables is still there', async () => {
    const { store, params } = await stored([DOCKER, 'iptables_1.8.11-2_amd64.deb'])
    const commands = dpkg('ii  docker.io\nii  iptables\n')
    const before = stateBefore([])
    await packages.undo?.(contextOf({ run: commands.run, store }), params, before)
    const order = commands.lines.map((line) => line.split(' ').slice(0, 2).join(' '))
    expect(order.indexOf('systemctl stop')).toBeLessThan(order.indexOf('iptables-save'))
    expect(order.indexOf('iptables-save')).toBeLessThan(order.indexOf('dpkg --purge'))
  })

  it('leaves a Docker alone that came from elsewhere after an uninstall that kept the data', async () => {
    const { store, params } = await stored()
    await rm(store.root, { recursive: true })
    const commands = dpkg('ii  docker-ce\nii  docker-ce-cli\n')
    const before = stateBefore([])
    const context = contextOf({ run: commands.run, store, order: orderOf({ deleteData: true }) })
    await packages.undo?.(context, params, before)
    expect(commands.lines.filter((line) => /^(systemctl stop|dpkg --|groupdel)/.test(line))).toEqual([])
  })
})
