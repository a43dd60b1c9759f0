import { basename } from 'node:path'
import type { LockedPackages } from '../lock.ts'
import type { Stanza } from './control.ts'

/** Fields that apt and dpkg need to install a package; descriptions and the like stay behind. */
const KEPT = [
  'Package',
  'Source',
  'Version',
  'Architecture',
  'Multi-Arch',
  'Essential',
  'Priority',
  'Section',
  'Installed-Size',
  'Pre-Depends',
  'Depends',
  'Recommends',
  'Suggests',
  'Enhances',
  'Conflicts',
  'Breaks',
  'Replaces',
  'Provides',
]

/** What of a package's stanza goes into the lock, and from there into the bundle. */
export function keptFields(stanza: Stanza): Stanza {
  return Object.fromEntries(
    KEPT.flatMap((field) => (stanza[field] === undefined ? [] : [[field, stanza[field].replaceAll(/\s*\n\s*/g, ' ')]])),
  )
}

/** The file name of a package in the bundle, as the archive has it. */
export function packageFileName({ path }: { path: string }): string {
  return basename(path)
}

/** A `Packages` index for a folder with just these files: `deb [trusted=yes] file:FOLDER ./`. */
export function flatPackagesIndex(packages: LockedPackages['packages']): Buffer {
  const stanzas = packages.map((entry) => {
    const fields = {
      ...entry.control,
      Filename: `./${packageFileName(entry)}`,
      Size: String(entry.size),
      SHA256: entry.digest.slice('sha256:'.length),
    }
    return Object.entries(fields)
      .map(([name, value]) => `${name}: ${value}\n`)
      .join('')
  })
  return Buffer.from(stanzas.join('\n'))
}
