import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Plugin } from 'esbuild'

/**
 * Puts the page's files into the executable as texts: `agent/page/assets.ts`, which reads them from the folder beside
 * it, is replaced by a module that has them in it.
 */
export const withAssets: Plugin = {
  name: 'with-assets',
  setup(build) {
    build.onLoad({ filter: /\/agent\/page\/assets\.ts$/ }, async ({ path }) => {
      const names = (await readdir(join(dirname(path), 'assets'))).sort()
      const imports = names.map(
        (name, at) => `import text${at} from ${JSON.stringify(`./assets/${name}`)} with { type: 'text' }\n`,
      )
      const entries = names.map((name, at) => `  [${JSON.stringify(name)}, text${at}],\n`)
      return {
        resolveDir: dirname(path),
        contents: `${imports.join('')}const texts = new Map([\n${entries.join('')}])
          export async function readAsset(name) { return texts.get(name) }\n`,
      }
    })
  },
}
