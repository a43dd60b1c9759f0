import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { tarEntries } from '../../../bundles/build/patches/tar-entries.ts'
import { layerTar } from './layer-tar.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** Paths of the entries, which follow one another without a gap. */
async function pathsOf(tar: Buffer): Promise<string[]> {
  const pieces = Array.from({ length: Math.ceil(tar.length / 1000) }, (_, at) =>
    tar.subarray(at * 1000, at * 1000 + 1000),
  )
  const entries = await tarEntries(Readable.from(pieces))
  for (const [at, { startBytes }] of entries.entries()) expect(startBytes).toBe(entries[at - 1]?.endBytes ?? 0)
  return entries.map(({ path }) => path)
}

describe('tarEntries', () => {
  it.each(['gnu', 'pax', 'ustar'])('finds long names, links and folders in a tar of format %s', async (format) => {
    const folder = temporaryFolder()
    const long = format === 'ustar' ? 'short' : `${'deep/'.repeat(40)}file-${'x'.repeat(90)}`
    mkdirSync(join(folder, long, '..'), { recursive: true })
    writeFileSync(join(folder, long), 'content')
    symlinkSync('somewhere', join(folder, 'link'))
    const path = join(temporaryFolder(), 'a.tar')
    execFileSync('tar', [`--format=${format}`, '--sort=name', '-cf', path, '-C', folder, '.'])
    const paths = await pathsOf(readFileSync(path))
    expect(paths).toContain(`./${long}`)
    expect(paths).toContain('./link')
  })

  it('tells the same content from another', async () => {
    const entries = await tarEntries(Readable.from([layerTar({ a: 'one', b: 'two', c: 'one', d: '' })]))
    const [a, b, c, d] = entries.map(({ content }) => content)
    expect(a).toBe(c)
    expect(a).not.toBe(b)
    expect(d).toBe('')
  })

  it('ends where it is no tar any more', async () => {
    const tar = layerTar({ a: 'one', b: 'two' })
    expect(await pathsOf(Buffer.concat([tar.subarray(0, 1024), Buffer.alloc(2048, 7)]))).toEqual(['a'])
    expect(await pathsOf(Buffer.alloc(3000, 7))).toEqual([])
    for (const bytes of [1024, 1025, 1024 + 512, 1024 + 513, 2047])
      expect(await pathsOf(tar.subarray(0, bytes))).toEqual(['a'])
    expect(await pathsOf(tar.subarray(0, 2048))).toEqual(['a', 'b'])
  })
})
