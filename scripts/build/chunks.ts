import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Script } from 'node:vm'

/**
 * A `require` for the scripts that `bundle.ts` makes: `./name.js` is one of them, compiled by `compile` when it is
 * first asked for; anything else must be built into Node and comes from `builtin`.
 */
export function requireScripts(compile: (name: string) => Script, builtin: (id: string) => unknown) {
  const loaded = new Map<string, { exports: unknown }>()
  const filename = process.execPath
  const file = [filename, dirname(filename), pathToFileURL(filename).href]

  return function requireScript(id: string): unknown {
    if (!id.startsWith('./')) return builtin(id)
    const known = loaded.get(id)
    if (known) return known.exports
    const module = { exports: {} }
    loaded.set(id, module)
    compile(id.slice(2)).runInThisContext()(requireScript, module, module.exports, ...file)
    return module.exports
  }
}
