import type { NodeBundle } from '../../agent/contract/step.ts'
import { readDefinition } from '../../agent/deployments/core-test-harness/definition.ts'
import { loadDeployment } from '../../agent/deployments/core-test-harness/load.ts'
import { profileOf } from '../../agent/deployments/core-test-harness/profile.ts'
import { bundleNeeds } from '../../agent/preflight/bundle-needs.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Digest } from '../../bundles/format/manifest.ts'
import type { OpenBundle } from '../../bundles/format/open.ts'
import { readArtifactManifest, readSmallBlob, titledLayers } from '../../bundles/format/read-artifact.ts'

/** A profile as it is offered: what it is, and what it asks of a host. */
export interface ProfileOffer {
  name: string
  title: string
  memoryBytes: { fail: number; warn: number }
  cores: { fail: number; warn: number }
  /** Images, data and Docker itself on a host that has nothing yet. */
  diskBytes: number
  services: number
  /** Loopback ports that it publishes, by name. */
  ports: Record<string, number>
}

const DEPLOYMENT = 'core-test-harness'
const OWN_ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch

/**
 * The profiles that a bundle carries and its deployment describes, with what each needs: all that the wizard has to
 * know of a deployment's files.
 * @throws MojaboxError kind bundle
 */
export async function readProfiles(open: OpenBundle): Promise<ProfileOffer[]> {
  if (open.manifest.deployment !== DEPLOYMENT) throw otherDeployment(open)
  const bundle = asNodeBundle(open)
  const { definition } = await readDefinition(async (path) => (await bundle.readFile(DEPLOYMENT, path)).toString())
  const names = Object.keys(definition.profiles).filter((name) => open.manifest.profiles.includes(name))
  return Promise.all(
    names.map(async (name) => {
      const { title, needs, services } = profileOf(definition, name)
      const published = Object.entries(definition.ports).flatMap(([port, { service, default: number }]) =>
        services.includes(service) && number !== undefined ? [[port, number] as const] : [],
      )
      return {
        name,
        title,
        memoryBytes: needs.memoryBytes,
        cores: needs.cores,
        diskBytes: await diskOf(bundle, name, needs.dataBytes),
        services: services.length,
        ports: Object.fromEntries(published),
      }
    }),
  )
}

/** On the distribution that asks the most. */
async function diskOf(bundle: NodeBundle, profile: string, dataBytes: number): Promise<number> {
  const { manifest } = bundle
  const carried = manifest.artifacts.filter(({ kind }) => kind === 'packages').map(({ name }) => name)
  const architectures = manifest.artifacts.flatMap(({ kind, platform }) =>
    kind === 'image' && platform ? [platform.architecture] : [],
  )
  const architecture = architectures.includes(OWN_ARCHITECTURE)
    ? OWN_ARCHITECTURE
    : (architectures[0] ?? OWN_ARCHITECTURE)
  const totals = await Promise.all(
    (carried.length > 0 ? carried : [undefined]).map(async (distribution) => {
      const host = { profile, architecture, distribution: distribution ?? 'unknown' }
      const { images, keptBlobs, packages } = await loadDeployment(bundle, host)
      const stored = [...keptBlobs, ...(packages?.blobs ?? [])]
      const storeBytes = stored.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
      const none = { docker: null, present: [], tarBytes: 0 }
      const needs = bundleNeeds({ ...none, manifest, images, architecture, distribution, dataBytes, storeBytes })
      return needs.reduce((sum, { bytes }) => sum + bytes, 0)
    }),
  )
  return Math.max(...totals)
}

/** The file at the desk, read as a node reads what it is sent. */
function asNodeBundle(open: OpenBundle): NodeBundle {
  const known = new Map<Digest, Promise<Buffer>>()
  const readBlob = (digest: Digest) => {
    const read = known.get(digest) ?? readSmallBlob(open, digest)
    known.set(digest, read)
    return read
  }
  return {
    manifest: open.manifest,
    blobs: open,
    readBlob,
    async readFile(name, path) {
      const artifact = open.manifest.artifacts.find((one) => one.kind === 'files' && one.name === name)
      const layer = artifact && titledLayers(await readArtifactManifest(open, artifact)).get(path)
      if (layer) return readBlob(layer.digest)
      throw new MojaboxError({
        code: 'file-not-in-bundle',
        kind: 'bundle',
        message: `${open.path} lacks ${name}/${path}`,
        found: `no ${path}`,
        needed: 'a bundle of this version of mojabox',
        next: 'build the bundle again with this version of mojabox',
      })
    },
  }
}

function otherDeployment({ path, manifest }: OpenBundle): MojaboxError {
  return new MojaboxError({
    code: 'other-deployment',
    kind: 'bundle',
    message: `${path} is for another deployment`,
    found: `a bundle of ${manifest.deployment}`,
    needed: `a bundle of ${DEPLOYMENT}`,
    next: 'choose another bundle',
  })
}
