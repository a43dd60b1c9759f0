import type { Artifact, Digest, Platform } from '../format/manifest.ts'
import type { Cache } from './cache.ts'
import type { Http } from './http.ts'
import type { LockedArtifact } from './lock.ts'
import type { CredentialsOf } from './oci/credentials.ts'
import type { LoadedSpec } from './spec.ts'

/** What of the spec is built. */
export interface Selection {
  profiles: string[]
  platforms: Platform[]
  /** Undefined: all whose archive is known here. */
  distributions: string[] | undefined
  /** Compression of images' layers; undefined: as their registry has them. */
  layers?: 'zstd' | undefined
}

/** Where things come from on this machine; none of it changes what the bundle says. */
export interface Origins {
  /** Registry name to HOST:PORT. */
  mirrors: Record<string, string>
  plainHttp: string[]
  /** Full image name to a local OCI layout or `docker save` archive. */
  images: Record<string, string>
  /** Archive name to address. */
  aptMirrors: Record<string, string>
  /** Archive name to keyring path. */
  aptKeyrings: Record<string, string>
  /** Where the machine's apt configuration lies: `/etc/apt`. */
  aptFolder: string
  /** The testing toolkit's files: a folder with `collections`, and `environments` and `spec_files` where it has them. */
  testFiles: string | undefined
  /** Platform (`linux/amd64`) to path. */
  executables: Record<string, string>
  /** This process's own executable when it is a mojabox one, with its platform. */
  ownExecutable: { platform: string; path: string } | undefined
  /** Build without executables. */
  withoutExecutables: boolean
}

export interface BuildContext {
  loaded: LoadedSpec
  selection: Selection
  origins: Origins
  cache: Cache
  http: Http
  credentialsOf: CredentialsOf
  signal: AbortSignal
  /** Runs a download when there is room: a few at a time over the whole build. */
  limit: <T>(task: () => Promise<T>) => Promise<T>
  /** Bytes that are known to be needed, and bytes that have come. */
  progress: { expect(bytes: number): void; arrived(bytes: number): void }
  note(message: string): void
}

export interface CarriedBlob {
  digest: Digest
  sizeBytes: number
  /** Manifests and indexes lie before the rest in the bundle. */
  isManifest: boolean
}

/** An artifact whose every blob is in the cache. */
export interface CarriedArtifact {
  artifact: Artifact
  blobs: CarriedBlob[]
}

/** One kind of origin. Resolving asks the world what a name stands for; fetching brings exactly what was resolved. */
export interface Source<L extends LockedArtifact> {
  resolve(context: BuildContext): Promise<L[]>
  fetch(locked: L, context: BuildContext): Promise<CarriedArtifact>
}
