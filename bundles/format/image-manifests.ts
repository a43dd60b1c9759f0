import type { Artifact, Descriptor, OciManifest, Platform } from './manifest.ts'
import { isIndex, type ReadJson } from './read-artifact.ts'
import { parseIndex, parseManifest } from './read-document.ts'

/** An image for one platform. */
export interface ImageManifest {
  manifest: OciManifest
  descriptor: Descriptor
  platform: Platform | undefined
  /** The same manifest in OCI form, where its registry has it in Docker's. */
  ociForm: Descriptor | undefined
}

/** The manifests of an image, one for each platform that it is carried for. */
export async function imageManifests(artifact: Artifact, readJson: ReadJson): Promise<ImageManifest[]> {
  const { descriptor, ociForm, platform } = artifact
  const own = await platformsOf(descriptor, readJson)
  const formed = ociForm === undefined ? [] : await platformsOf(ociForm, readJson)
  return Promise.all(
    own.map(async (entry, at) => ({
      manifest: parseManifest(await readJson(entry), entry.digest),
      descriptor: entry,
      platform: entry.platform ?? platform,
      // The forms of an index have its order.
      ociForm: formed[at]?.digest === entry.digest ? undefined : formed[at],
    })),
  )
}

async function platformsOf(top: Descriptor, readJson: ReadJson): Promise<Descriptor[]> {
  return isIndex(top) ? parseIndex(await readJson(top), top.digest).manifests : [top]
}
