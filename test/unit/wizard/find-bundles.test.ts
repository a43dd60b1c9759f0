import { mkdirSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { findBundles, readBundle } from '../../../installer/wizard/find-bundles.ts'
import { removableMounts } from '../../../installer/wizard/removable-media.ts'
import { temporaryFolder } from '../bundles/temporary-folder.ts'
import { writeShippedBundle } from './bundle-file.ts'

const at = (path: string, depth = 0) => [{ path, depth }]

describe('findBundles', () => {
  it('tells what a bundle offers, and what each profile needs', async () => {
    const path = join(temporaryFolder(), 'hub.tar')
    await writeShippedBundle(path, { profiles: ['central-ledger', 'not-described'], version: '2.0.0' })
    const { bundles } = await findBundles(at(join(path, '..')))
    expect(bundles).toMatchObject([{ path, version: '2.0.0', profiles: [{ name: 'central-ledger' }] }])
    const [offer] = bundles[0]?.profiles ?? []
    expect(offer?.title).not.toBe('')
    expect(offer?.memoryBytes.fail).toBeGreaterThan(1e9)
    expect(offer?.diskBytes).toBeGreaterThan(1e9)
    expect(offer?.services).toBeGreaterThan(3)
    expect(offer?.ports['central-ledger']).toBe(3001)
  })

  it('gives the newest first', async () => {
    const folder = temporaryFolder()
    for (const [name, seconds] of [
      ['a.tar', 1_000],
      ['b.tar', 3_000],
      ['c.tar', 2_000],
    ] as const) {
      await writeShippedBundle(join(folder, name))
      utimesSync(join(folder, name), seconds, seconds)
    }
    const { bundles } = await findBundles(at(folder))
    expect(bundles.map(({ path }) => path.slice(folder.length + 1))).toEqual(['b.tar', 'c.tar', 'a.tar'])
  })

  it('names those that cannot be used, each with the reason', async () => {
    const folder = temporaryFolder()
    await writeShippedBundle(join(folder, 'cut.tar'))
    truncateSync(join(folder, 'cut.tar'), 20_000)
    await writeShippedBundle(join(folder, 'other.tar'), { deployment: 'miniloop' })
    writeFileSync(join(folder, 'letter.tar'), 'dear reader')
    writeFileSync(join(folder, 'empty.tar'), '')
    const { bundles, refused } = await findBundles(at(folder))
    expect(bundles).toEqual([])
    const reasons = Object.fromEntries(refused.map(({ path, found }) => [path.slice(folder.length + 1), found]))
    expect(Object.keys(reasons).toSorted()).toEqual(['cut.tar', 'empty.tar', 'letter.tar', 'other.tar'])
    expect(reasons['other.tar']).toBe('a bundle of miniloop')
    for (const reason of Object.values(reasons)) expect(reason).not.toBe('')
  })

  it('passes over files of other names, and hidden ones', async () => {
    const folder = temporaryFolder()
    for (const name of ['notes.txt', '._hub.tar', 'hub.tar.lock.json']) writeFileSync(join(folder, name), 'x')
    expect(await findBundles(at(folder))).toEqual({ bundles: [], refused: [], unseen: [] })
  })

  it('finds a split one by its first part, once, and not where it is whole too', async () => {
    const folder = temporaryFolder()
    await writeShippedBundle(join(folder, 'hub.tar'))
    const bytes = readFileSync(join(folder, 'hub.tar'))
    const half = Math.ceil(bytes.length / 2)
    writeFileSync(join(folder, 'hub.tar.001'), bytes.subarray(0, half))
    writeFileSync(join(folder, 'hub.tar.002'), bytes.subarray(half))
    const paths = async () => (await findBundles(at(folder))).bundles.map(({ path }) => path)
    expect(await paths()).toEqual([join(folder, 'hub.tar')])
    rmSync(join(folder, 'hub.tar'))
    expect(await paths()).toEqual([join(folder, 'hub.tar.001')])
    const [found] = (await findBundles(at(folder))).bundles
    expect(found).toMatchObject({ sizeBytes: bytes.length, profiles: [{ name: 'central-ledger' }] })
    rmSync(join(folder, 'hub.tar.002'))
    expect((await findBundles(at(folder))).refused).toMatchObject([{ path: join(folder, 'hub.tar.001') }])
  })

  it('looks as deep as it is told, and no deeper', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'a', 'b', 'c'), { recursive: true })
    await writeShippedBundle(join(folder, 'a', 'b', 'two.tar'))
    await writeShippedBundle(join(folder, 'a', 'b', 'c', 'three.tar'))
    const found = async (depth: number) => (await findBundles(at(folder, depth))).bundles.map(({ path }) => path)
    expect(await found(1)).toEqual([])
    expect(await found(2)).toEqual([join(folder, 'a', 'b', 'two.tar')])
  })

  it('counts a bundle once that two places have', async () => {
    const path = join(temporaryFolder(), 'hub.tar')
    await writeShippedBundle(path)
    const { bundles } = await findBundles([...at(join(path, '..')), ...at(join(path, '..'), 1)])
    expect(bundles).toHaveLength(1)
  })

  it('takes a place that is not there for an empty one', async () => {
    expect(await findBundles(at('/nowhere/at/all'))).toEqual({ bundles: [], refused: [], unseen: [] })
  })

  it('does not wait for a place that does not answer, and says so', async () => {
    const folder = temporaryFolder()
    await writeShippedBundle(join(folder, 'hub.tar'))
    const { unseen } = await findBundles(at(folder), 0)
    expect(unseen).toEqual([folder])
  })
})

describe('readBundle', () => {
  it('refuses what is not there', async () => {
    await expect(readBundle('/nowhere/hub.tar')).rejects.toMatchObject({ facts: { code: 'bundle-not-found' } })
  })
})

describe('removableMounts', () => {
  it('are those below /media, /run/media and /mnt, blanks and all, but none over a network', () => {
    const text = [
      '/dev/vda1 / ext4 rw 0 0',
      'proc /proc proc rw 0 0',
      '/dev/sdb1 /media/ops/MY\\040STICK vfat rw 0 0',
      '/dev/sdc1 /run/media/ops/disk exfat rw 0 0',
      '/dev/sdd1 /mnt ext4 ro 0 0',
      'server:/share /mnt/server nfs4 rw 0 0',
      'ops@host:/ /mnt/sshfs fuse.sshfs rw 0 0',
      '/dev/sde1 /mediathek ext4 rw 0 0',
      '/dev/sdb1 /media/ops/MY\\040STICK vfat rw 0 0',
      '',
    ].join('\n')
    expect(removableMounts(text).map(({ path }) => path)).toEqual([
      '/media/ops/MY STICK',
      '/run/media/ops/disk',
      '/mnt',
    ])
  })
})
