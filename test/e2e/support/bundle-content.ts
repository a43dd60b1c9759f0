import { run } from '../../lab/process.ts'
import { bundle } from './desk.ts'

interface Manifest {
  manifests?: { digest: string; annotations?: Record<string, string> }[]
  layers?: { digest: string; annotations?: Record<string, string> }[]
}

export interface BundleFile {
  /** Where it lies in the bundle, an archive that any tar reads. */
  path: string
  /** Its own name: of a package, the .deb's. */
  name: string
}

/** The bundle's Debian packages of a distribution, such as `debian-13`; found without mojabox. */
export async function packageFiles(distribution: string): Promise<BundleFile[]> {
  const index = await readJson('index.json')
  const packages = index.manifests?.find(({ annotations }) => annotations?.['org.mojabox.name'] === distribution)
  const { layers = [] } = await readJson(blobPath(packages?.digest))
  const files = layers.map(({ digest, annotations }) => {
    return { path: blobPath(digest), name: annotations?.['org.opencontainers.image.title'] ?? '' }
  })
  return files.filter(({ name }) => name.endsWith('.deb'))
}

/** The position in the bundle's file of the first byte of one of its files. */
export async function positionOf({ path }: BundleFile): Promise<number> {
  const { stdout } = await run(['tar', '--list', '--block-number', '--file', bundle])
  const block = new RegExp(`^block (\\d+): ${path}$`, 'm').exec(stdout)?.[1]
  if (block === undefined) throw new Error(`looking for ${path} in ${bundle}: it is not there`)
  return (Number(block) + 1) * 512
}

function blobPath(digest = ''): string {
  return `blobs/sha256/${digest.slice('sha256:'.length)}`
}

async function readJson(path: string): Promise<Manifest> {
  return JSON.parse((await run(['tar', '--extract', '--to-stdout', '--file', bundle, path])).stdout)
}
