import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { archiveAddresses } from '../../../bundles/build/apt/archive-address.ts'
import { parseDeb822Sources, parseOneLineSources } from '../../../bundles/build/apt/sources-list.ts'
import { parseSpec } from '../../../bundles/build/spec.ts'
import { specOf } from './build-in.ts'
import { temporaryFolder } from './temporary-folder.ts'

describe('parseOneLineSources', () => {
  it('reads options, and leaves comments and source packages out', () => {
    const text =
      '# deb http://no x main\ndeb [arch=amd64,arm64 signed-by=/k.gpg] http://a/debian bookworm main contrib # why\ndeb-src http://a/debian bookworm main\n'
    expect(parseOneLineSources(text)).toEqual([
      {
        uris: ['http://a/debian'],
        suites: ['bookworm'],
        components: ['main', 'contrib'],
        architectures: ['amd64', 'arm64'],
        signedBy: ['/k.gpg'],
      },
    ])
  })
})

describe('parseDeb822Sources', () => {
  it('reads stanzas, and leaves disabled ones out', () => {
    const text =
      'Types: deb deb-src\nURIs: http://a/debian http://b/debian\nSuites: trixie trixie-updates\nComponents: main\nSigned-By: /k.gpg\n\nTypes: deb\nEnabled: no\nURIs: http://c\nSuites: x\n'
    expect(parseDeb822Sources(text)).toEqual([
      {
        uris: ['http://a/debian', 'http://b/debian'],
        suites: ['trixie', 'trixie-updates'],
        components: ['main'],
        architectures: [],
        signedBy: ['/k.gpg'],
      },
    ])
  })

  it('keeps an armoured key whole', () => {
    const text =
      'Types: deb\nURIs: http://a\nSuites: x\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----\n'
    expect(parseDeb822Sources(text)[0]?.signedBy[0]).toContain('KEY BLOCK-----\n.\nabc\n')
  })
})

describe('archiveAddresses', () => {
  const spec = parseSpec(
    specOf({}).replace(
      'archives: {}',
      'archives: { debian: { origin: Debian, suites: [bookworm, trixie], keyrings: [/none.gpg] } }',
    ),
    'bundle.yaml',
  )

  it('takes the address that any suite of the archive has in the apt configuration', async () => {
    const aptFolder = temporaryFolder()
    mkdirSync(join(aptFolder, 'sources.list.d'))
    writeFileSync(
      join(aptFolder, 'sources.list.d', 'x.list'),
      'deb http://other/apt nodistro main\ndeb [signed-by=/k.gpg] http://mirror/debian bookworm main\n',
    )
    const addresses = await archiveAddresses(spec, { aptFolder, aptMirrors: {}, aptKeyrings: {} })
    expect(addresses.get('debian')).toEqual({ url: new URL('http://mirror/debian/'), keys: ['/k.gpg'] })
  })

  it('prefers what the command line names', async () => {
    const origins = {
      aptFolder: '/nonexistent',
      aptMirrors: { debian: 'http://lan/debian/' },
      aptKeyrings: { debian: '/mine.gpg' },
    }
    expect((await archiveAddresses(spec, origins)).get('debian')).toEqual({
      url: new URL('http://lan/debian/'),
      keys: ['/mine.gpg'],
    })
  })

  it('leaves out an archive that no configuration names', async () => {
    expect((await archiveAddresses(spec, { aptFolder: '/nonexistent', aptMirrors: {}, aptKeyrings: {} })).size).toBe(0)
  })
})
