import { join } from 'node:path'
import { debLines } from '../apt-sources.ts'
import { inputsKey } from '../cache.ts'
import type { LabImage } from '../image.ts'
import { importRootfs } from '../rootfs.ts'

const suite = 'trixie'
const packages = ['ca-certificates']

/** For what an `apt-get install` in a Dockerfile would leave behind: packages, and services started in a build. */
const customize = [
  `printf '%s\\n' 'DPkg::Post-Invoke {"rm -f /var/cache/apt/archives/*.deb";};' 'Dir::Cache::pkgcache "";' 'Dir::Cache::srcpkgcache "";' > "$1/etc/apt/apt.conf.d/99lab"`,
  `printf '#!/bin/sh\\nexit 101\\n' > "$1/usr/sbin/policy-rc.d" && chmod 755 "$1/usr/sbin/policy-rc.d"`,
  'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/var/log/* "$1/etc/resolv.conf" "$1/etc/hostname"',
]

const key = inputsKey([join(import.meta.dirname, '../rootfs.ts')], {
  packages: packages.join(' '),
  customize: customize.join('\n'),
  sources: debLines(suite).join('\n'),
})

/** The Debian that every image of the ledger stack is built on, so that they share its layer. */
export const baseImage: LabImage = {
  tag: `mojabox-lab/base:${suite}`,
  key,
  build: () =>
    importRootfs({ tag: `mojabox-lab/base:${suite}`, key, suite, packages, customize, changes: ['CMD ["/bin/sh"]'] }),
}
