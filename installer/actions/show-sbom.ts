import { imagesNamed, readImageSboms, readSbom } from '../../bundles/format/read-sbom.ts'
import type { Io } from '../cli/io.ts'
import { imageSbomTable, sbomTable } from '../render/sbom-table.ts'
import { withBundle } from './read-bundle.ts'

/** The options of `mojabox bundle sbom`. */
export interface SbomFlags {
  /** Full name of an image. */
  image?: string
  json?: true
}

/** `mojabox bundle sbom`. @throws MojaboxError kind bundle; kind usage for an image that is not in it */
export async function showSbom(path: string, { image, json }: SbomFlags, io: Io): Promise<void> {
  const text = await withBundle(path, async (bundle) => {
    if (image !== undefined && json)
      return (await readImageSboms(bundle, image)).map((sbom) => `${sbom.text}\n`).join('')
    const sbom = await readSbom(bundle)
    if (json) return `${sbom.text}\n`
    return image === undefined ? sbomTable(sbom.bom) : imageSbomTable(imagesNamed(sbom.bom, image))
  })
  io.stdout(text)
}
