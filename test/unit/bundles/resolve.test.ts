import { describe, expect, it } from 'vitest'
import { parseStanzas } from '../../../bundles/build/apt/control.ts'
import { compareVersions } from '../../../bundles/build/apt/debian-version.ts'
import { type Package, type PackageIndex, packageOf } from '../../../bundles/build/apt/package-index.ts'
import { resolvePackages } from '../../../bundles/build/apt/resolve.ts'

/** `name version; Field: value; …` a line. */
function indexOf(...lines: string[]): PackageIndex {
  const packages: Package[] = lines.map((line) => {
    const [head = '', ...fields] = line.split(';').map((part) => part.trim())
    const [name, version] = head.split(' ')
    return packageOf(parseStanzas([`Package: ${name}`, `Version: ${version}`, ...fields].join('\n'))[0] ?? {}, 'test')
  })
  return {
    candidates: (name) =>
      packages.filter((entry) => entry.name === name).sort((a, b) => compareVersions(b.version, a.version)),
    providers: (name) =>
      packages.filter(({ provides }) => provides.some((relation) => relation.name === name)).map((entry) => entry.name),
    required: () => packages.filter(({ stanza }) => stanza.Essential === 'yes').map((entry) => entry.name),
  }
}

function resolve(index: PackageIndex, install: string[], host: string[] = []): string[] {
  return resolvePackages({ distribution: 'test', install, host, index }).map(
    ({ name, version }) => `${name} ${version}`,
  )
}

describe('resolvePackages', () => {
  it('carries dependencies and theirs, less what every host has', () => {
    const index = indexOf(
      'libc 2; Essential: yes',
      'docker 1; Depends: runc, libc (>= 2); Pre-Depends: init',
      'runc 1; Depends: seccomp',
      'seccomp 1',
      'init 1; Depends: hidden',
      'hidden 1',
    )
    expect(resolve(index, ['docker'], ['init'])).toEqual(['docker 1', 'runc 1', 'seccomp 1'])
  })

  it('takes the highest version, and a lower one where a relation asks for it', () => {
    const index = indexOf('app 1; Depends: lib (<< 2)', 'lib 1.5', 'lib 2.5')
    expect(resolve(index, ['app'])).toEqual(['app 1', 'lib 1.5'])
    expect(resolve(index, ['lib'])).toEqual(['lib 2.5'])
  })

  it('prefers an alternative that is there over one that stands first', () => {
    const index = indexOf('app 1; Depends: a | b', 'a 1', 'b 1')
    expect(resolve(index, ['app'])).toEqual(['a 1', 'app 1'])
    expect(resolve(index, ['app', 'b'])).toEqual(['app 1', 'b 1'])
    expect(resolve(index, ['app'], ['b'])).toEqual(['app 1'])
  })

  it('finds providers of virtual packages', () => {
    const index = indexOf('app 1; Depends: mail', 'zmail 1; Provides: mail', 'amail 1; Provides: mail')
    expect(resolve(index, ['app'])).toEqual(['app 1', 'zmail 1'])
  })

  it('carries a package of the host when exactly its version is needed', () => {
    const index = indexOf('app 1; Depends: lib (= 3)', 'lib 3')
    expect(resolve(index, ['app'], ['lib'])).toEqual(['app 1', 'lib 3'])
  })

  it('says which version a dependency lacks', () => {
    const index = indexOf('app 1; Depends: libc (>= 2.38)', 'libc 2.36; Essential: yes')
    expect(() => resolve(index, ['app'])).toThrow(
      expect.objectContaining({
        facts: expect.objectContaining({ code: 'package-unresolvable', found: 'libc 2.36', needed: 'libc (>= 2.38)' }),
      }),
    )
  })

  it('refuses packages that exclude each other, and names that are not there', () => {
    const index = indexOf('a 1; Conflicts: b', 'b 1')
    expect(() => resolve(index, ['a', 'b'])).toThrow(/exclude each other/)
    expect(() => resolve(index, ['c'])).toThrow(/there is no c/)
  })
})
