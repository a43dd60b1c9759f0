import type { LockedArtifact } from '../lock.ts'
import type { BuildContext, CarriedArtifact } from '../source.ts'
import { debSource } from './deb.ts'
import { fileSource } from './file.ts'
import { ociSource } from './oci.ts'

/** Every source, by the name that the lock gives it; a test compares this with the folder. */
export const SOURCES = { deb: debSource, file: fileSource, oci: ociSource } as const

/** Brings a locked artifact by the source that resolved it. */
export async function fetchLocked(locked: LockedArtifact, context: BuildContext): Promise<CarriedArtifact> {
  switch (locked.source) {
    case 'oci':
      return await ociSource.fetch(locked, context)
    case 'file':
      return await fileSource.fetch(locked, context)
    case 'deb':
      return await debSource.fetch(locked, context)
  }
}
