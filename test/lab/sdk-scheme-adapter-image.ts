import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { inputsKey, withScratchFolder } from './cache.ts'
import { buildImage, type LabImage } from './image.ts'
import { installModules, installModulesFile } from './install-modules.ts'
import { nodeRuntimeImage } from './ledger/node-runtime-image.ts'
import { run } from './process.ts'

const folder = join(import.meta.dirname, 'sdk-scheme-adapter')
const tag = 'mojabox-lab/sdk-scheme-adapter:v18.0.2'
const key = inputsKey([folder, import.meta.filename, installModulesFile], { runtime: nodeRuntimeImage.key })

/** Mojaloop's own side of a DFSP, for tests in which it is the other one. */
export const sdkSchemeAdapterImage: LabImage = {
  tag,
  key,
  build: () =>
    withScratchFolder('sdk-scheme-adapter', async (contextPath) => {
      for (const name of ['package.json', 'package-lock.json', 'Dockerfile', 'backend.js']) {
        cpSync(join(folder, name), join(contextPath, name))
      }
      await installModules(contextPath)
      await run(['chmod', '--recursive', 'a+rX', 'node_modules'], { cwd: contextPath })
      await buildImage({ tag, key, contextPath, args: { RUNTIME: nodeRuntimeImage.tag } })
    }),
}
