import { expect, it } from 'vitest'
import { purlText } from '../../../bundles/build/sbom/purl.ts'

it.each([
  [{ type: 'npm', namespace: '@scope', name: 'a', version: '1.0.0' }, 'pkg:npm/%40scope/a@1.0.0'],
  [{ type: 'npm', name: 'odd(name)', version: "1.0.0-'x" }, 'pkg:npm/odd%28name%29@1.0.0-%27x'],
  [
    {
      type: 'deb',
      namespace: 'debian',
      name: 'libstdc++6',
      version: '1:12.2~rc+1',
      qualifiers: { upstream: 'gcc-12', distro: undefined, arch: 'amd64' },
    },
    'pkg:deb/debian/libstdc%2B%2B6@1:12.2~rc%2B1?arch=amd64&upstream=gcc-12',
  ],
  [
    { type: 'oci', name: 'redis', version: 'sha256:00', qualifiers: { repository_url: 'localhost:5000/x/redis' } },
    'pkg:oci/redis@sha256:00?repository_url=localhost:5000/x/redis',
  ],
] as const)('writes %o as %s', (parts, text) => {
  expect(purlText(parts)).toBe(text)
})
