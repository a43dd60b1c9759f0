import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

interface Locked {
  version?: string
  resolved?: string
  integrity?: string
  link?: boolean
  dev?: boolean
}

const ROOT = join(import.meta.dirname, '..', '..', '..')
const LOCKS = [
  'package-lock.json',
  'test/lab/stand-ins/package-lock.json',
  'test/lab/ledger/central-ledger/package-lock.json',
  'test/lab/sdk-scheme-adapter/package-lock.json',
]
const read = (path: string) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'))
const lockedIn = (path: string) =>
  Object.entries(read(path).packages as Record<string, Locked>).filter(([name]) => name !== '')

describe('what is installed from the registry', () => {
  it.each(LOCKS)('is pinned by a digest in %s, each of it', (path) => {
    const packages = lockedIn(path)
    expect(packages.length).toBeGreaterThan(10)
    const loose = packages.filter(([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? ''))
    expect(loose.map(([name]) => name)).toEqual([])
  })

  it.each(LOCKS)('comes from a registry over TLS in %s: no git, no file, no address of its own', (path) => {
    const strange = lockedIn(path).filter(([, { resolved, link }]) => link || !/^(https:|$)/.test(resolved ?? ''))
    expect(strange.map(([name]) => name)).toEqual([])
  })

  it('is named by its exact version in package.json', () => {
    const { dependencies, devDependencies } = read('package.json')
    const ranges = Object.entries({ ...dependencies, ...devDependencies }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(String(version)),
    )
    expect(ranges).toEqual([])
  })
})
