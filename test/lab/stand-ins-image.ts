import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { inputsKey, withScratchFolder } from './cache.ts'
import { buildImage, type LabImage } from './image.ts'
import { installModules, installModulesFile } from './install-modules.ts'
import { nodeRuntimeImage } from './ledger/node-runtime-image.ts'
import { run } from './process.ts'

const folder = join(import.meta.dirname, 'stand-ins')
const tag = 'mojabox-lab/stand-ins:1'
const key = inputsKey([folder, import.meta.filename, installModulesFile], { runtime: nodeRuntimeImage.key })

/** What the real services are started by, each of them only a way into the stand-ins' own program. */
const ENTRIES = [
  'src/api/index.js',
  'src/handlers/index.js',
  'src/index.js',
  'dist/src/cli.js',
  'node_modules/knex/bin/cli.js',
]

/** One image that stands in for four services. */
export const standInsImage: LabImage = {
  tag,
  key,
  build: () =>
    withScratchFolder('stand-ins', async (contextPath) => {
      for (const name of ['package.json', 'package-lock.json', 'Dockerfile', 'service']) {
        cpSync(join(folder, name), join(contextPath, name), { recursive: true })
      }
      await installModules(contextPath)
      await prune(join(contextPath, 'node_modules'))
      for (const entry of ENTRIES) writeEntry(join(contextPath, 'entries', entry))
      await buildImage({ tag, key, contextPath, args: { RUNTIME: nodeRuntimeImage.tag } })
    }),
}

function writeEntry(path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, "import '/opt/app/service/main.ts'\n")
}

/** What nobody loads at run time: compilers, linters and typings that come along. */
async function prune(modulesPath: string): Promise<void> {
  const script = `
    rm -rf typescript eslint eslint-* @eslint @typescript-eslint @types ts-auto-mock jest-ts-auto-mock
    find . -type f '(' -name '*.map' -o -name '*.md' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' ')' -delete
    chmod -R a+rX .`
  await run(['sh', '-euc', script], { cwd: modulesPath })
}
