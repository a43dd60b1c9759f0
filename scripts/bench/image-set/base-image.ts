import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { debLines } from '../../../test/lab/apt-sources.ts'
import { inputsKey, withScratchFolder } from '../../../test/lab/cache.ts'
import { buildImage, type LabImage } from '../../../test/lab/image.ts'
import { importRootfs } from '../../../test/lab/rootfs.ts'
import { unpackNode } from '../../../test/lab/unpack-node.ts'

const suite = 'bookworm'
const packages = ['ca-certificates', 'tzdata']
const customize = ['rm -rf "$1"/var/cache/* "$1"/var/lib/apt/lists/* "$1"/var/log/*']
const base = {
  tag: 'mojabox-bench/base:1',
  key: inputsKey([import.meta.filename], { sources: debLines(suite).join('\n') }),
}

/** The Debian under all images of the set. */
export const setBaseImage: LabImage = {
  ...base,
  build: () => importRootfs({ ...base, suite, packages, customize, changes: ['CMD ["/bin/sh"]'] }),
}

const nodeVersion = '22.11.0'
const folder = join(import.meta.dirname, 'runtime')
const runtime = {
  tag: 'mojabox-bench/node-runtime:1',
  key: inputsKey([folder], { base: base.key, nodeVersion }),
}

/** Node.js under the applications. */
export const setRuntimeImage: LabImage = {
  ...runtime,
  build: () =>
    withScratchFolder('bench-runtime', async (contextPath) => {
      cpSync(folder, contextPath, { recursive: true })
      await unpackNode(nodeVersion, contextPath)
      await buildImage({ ...runtime, contextPath, args: { BASE: base.tag } })
    }),
}
