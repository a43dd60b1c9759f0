import { cpSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { inputsKey, withScratchFolder } from '../cache.ts'
import { buildImage, type LabImage } from '../image.ts'
import { installModules, installModulesFile } from '../install-modules.ts'
import { run } from '../process.ts'
import { compilerTag, nodeRuntimeImage } from './node-runtime-image.ts'

const folder = join(import.meta.dirname, 'central-ledger')
const version = pinnedVersion()
const tag = `mojabox-lab/central-ledger:v${version}`
const key = inputsKey([folder, import.meta.filename, installModulesFile], { runtime: nodeRuntimeImage.key })

export const centralLedgerImage: LabImage = {
  tag,
  key,
  build: () =>
    withScratchFolder('central-ledger', async (contextPath) => {
      cpSync(folder, contextPath, { recursive: true })
      // The one install script that matters, node-rdkafka's, compiles in the build.
      await installModules(contextPath)
      moveServiceOut(contextPath)
      await prune(join(contextPath, 'node_modules'))
      const args = { RUNTIME: nodeRuntimeImage.tag, COMPILER: compilerTag, VERSION: version }
      await buildImage({ tag, key, contextPath, args })
    }),
}

function pinnedVersion(): string {
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  return dependencies['@mojaloop/central-ledger'] ?? 'unknown'
}

/** The upstream image has the service at the top and its dependencies below; npm installs it as one of them. */
function moveServiceOut(contextPath: string): void {
  const packagePath = join(contextPath, 'node_modules/@mojaloop/central-ledger')
  mkdirSync(join(contextPath, 'app'))
  for (const part of ['package.json', 'config', 'migrations', 'seeds', 'src']) {
    renameSync(join(packagePath, part), join(contextPath, 'app', part))
  }
  rmSync(packagePath, { recursive: true })
}

/** Linters, types and documents that come along as dependencies of dependencies: half of the size. */
async function prune(modulesPath: string): Promise<void> {
  const script = `
    rm -rf typescript eslint eslint-* @eslint @eslint-community @typescript-eslint @types jsdoc jsdoc-* @jsdoc docdash \
      node-rdkafka/deps
    find . -type f '(' -name '*.map' -o -name '*.md' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' ')' -delete
    find . -depth -type d '(' -name test -o -name tests -o -name docs -o -name examples -o -name benchmark ')' \
      -not -path '*/shins/*' -exec rm -r '{}' +
    chmod -R a+rX .`
  await run(['sh', '-euc', script], { cwd: modulesPath })
}
