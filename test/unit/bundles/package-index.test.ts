import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { mergeIndexes, openPackagesFile } from '../../../bundles/build/apt/package-index.ts'
import { temporaryFolder } from './temporary-folder.ts'

const TEXT = `Package: base
Version: 1
Essential: yes
Description: long
 more

Package: tool
Version: 1.9
Provides: helper (= 2), other
Filename: pool/tool_1.9.deb
Size: 12
SHA256: ${'a'.repeat(64)}

Package: tool
Version: 1.10
Priority: required
Depends: base (>= 1)
`

function fileOf(text: string): string {
  const path = join(temporaryFolder(), 'Packages')
  writeFileSync(path, text)
  return path
}

describe('openPackagesFile', () => {
  it('finds packages by name, highest version first, and providers', () => {
    const index = openPackagesFile(fileOf(TEXT), 'debian')
    expect(index.candidates('tool').map(({ version }) => version)).toEqual(['1.10', '1.9'])
    expect(index.candidates('tool')[1]).toMatchObject({ archive: 'debian', path: 'pool/tool_1.9.deb', sizeBytes: 12 })
    expect(index.candidates('too')).toEqual([])
    expect(index.providers('helper')).toEqual(['tool'])
    expect(index.providers('tool')).toEqual([])
    index.close()
  })

  it('knows what every installation has', () => {
    expect(openPackagesFile(fileOf(TEXT), 'debian').required()).toEqual(['base', 'tool'])
  })

  it('finds stanzas that lie across the boundary of a read', () => {
    const many = Array.from(
      { length: 30_000 },
      (_, n) => `Package: p${n}\nVersion: ${n}\nDescription: ${'x'.repeat(50)}\n`,
    )
    const index = openPackagesFile(fileOf(many.join('\n')), 'debian')
    for (const n of [0, 1, 9_999, 14_321, 29_999]) expect(index.candidates(`p${n}`)[0]?.version).toBe(String(n))
  })
})

describe('mergeIndexes', () => {
  it('offers of a limited archive only what it is limited to', () => {
    const old = openPackagesFile(fileOf('Package: tool\nVersion: 1\n'), 'old')
    const recent = openPackagesFile(
      fileOf('Package: tool\nVersion: 2\n\nPackage: base\nVersion: 9\nEssential: yes\n'),
      'new',
      ['tool'],
    )
    const merged = mergeIndexes([old, recent])
    expect(merged.candidates('tool').map(({ version, archive }) => `${version} ${archive}`)).toEqual(['2 new', '1 old'])
    expect(merged.candidates('base')).toEqual([])
    expect(merged.required()).toEqual([])
  })
})
