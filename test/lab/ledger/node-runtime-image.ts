import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { inputsKey, withScratchFolder } from '../cache.ts'
import { buildImage, type LabImage } from '../image.ts'
import { unpackNode } from '../unpack-node.ts'
import { baseImage } from './base-image.ts'

/** Debian trixie's own node is 20; central-ledger's dependencies ask for 22.15 or later. */
const version = '22.23.3'
const folder = join(import.meta.dirname, 'node-runtime')
const key = inputsKey([folder], { base: baseImage.key, version })

/** Node.js for the central-ledger image; building it also builds the `compilerTag`, for node-rdkafka's addon. */
export const nodeRuntimeImage: LabImage = {
  tag: 'mojabox-lab/node-runtime:22',
  key,
  build: () =>
    withScratchFolder('node-runtime', async (contextPath) => {
      cpSync(folder, contextPath, { recursive: true })
      await unpackNode(version, contextPath)
      const build = { key, contextPath, args: { BASE: baseImage.tag } }
      await buildImage({ ...build, tag: compilerTag, target: 'compiler' })
      // Last, since this is the one whose key says that the work is done.
      await buildImage({ ...build, tag: nodeRuntimeImage.tag, target: 'runtime' })
    }),
}

export const compilerTag = 'mojabox-lab/node-compiler:22'
