import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { SOURCES } from '../../../bundles/build/sources/registry.ts'

it('the registry lists every source of the folder', () => {
  const folder = join(import.meta.dirname, '../../../bundles/build/sources')
  const files = readdirSync(folder).map((name) => name.replace(/\.ts$/, ''))
  expect(files.filter((name) => name !== 'registry').sort()).toEqual(Object.keys(SOURCES).sort())
})
