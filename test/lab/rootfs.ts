import { rmSync } from 'node:fs'
import { debLines } from './apt-sources.ts'
import { cachePath } from './cache.ts'
import { docker } from './docker.ts'
import { imageLabels } from './image.ts'
import { run } from './process.ts'

export interface RootfsImage {
  tag: string
  key: string
  /** Debian release, such as `trixie`. */
  suite: string
  /** Packages on top of the smallest root filesystem that has apt. */
  packages: readonly string[]
  /** Shell commands run once the packages are in; `$1` is the root filesystem's folder. */
  customize: readonly string[]
  /** `docker import --change` instructions, such as `CMD [...]`. */
  changes: readonly string[]
}

const dropped = ['man', 'locale', 'doc', 'info', 'lintian', 'groff']

/** Makes a Debian root filesystem from this machine's own mirrors and imports it as an image. Needs root. */
export async function importRootfs(image: RootfsImage): Promise<void> {
  const tarPath = cachePath(`${image.tag.replaceAll(/[/:]/g, '-')}.${process.pid}.tar`)
  try {
    await run([
      'mmdebstrap',
      '--quiet',
      '--mode=root',
      '--variant=minbase',
      `--include=${image.packages.join(',')}`,
      '--aptopt=Acquire::Languages "none"',
      '--aptopt=APT::Install-Recommends "false"',
      ...dropped.map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
      '--dpkgopt=path-include=/usr/share/doc/*/copyright',
      ...image.customize.map((command) => `--customize-hook=${command}`),
      image.suite,
      tarPath,
      ...debLines(image.suite),
    ])
    const changes = [...image.changes, ...imageLabels(image.key).map((label) => `LABEL ${label}`)]
    await docker(['import', ...changes.flatMap((change) => ['--change', change]), tarPath, image.tag])
  } finally {
    rmSync(tarPath, { force: true })
  }
}
