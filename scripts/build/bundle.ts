import { basename, relative } from 'node:path'
import { build, formatMessages, type Plugin, transform } from 'esbuild'
import { withAssets } from './assets.ts'

/** The application as scripts for `chunks.ts`, and the files they were made from. */
export interface AppScripts {
  /** By file name; `main.js` is where the application starts. ASCII only, so that a byte is a character. */
  scripts: Map<string, string>
  /** Paths relative to the repository root; not those in node_modules, for which the lock stands. */
  inputs: string[]
}

/**
 * Bundles an entry point, splitting at every `await import()`: a start reads and compiles only what its command uses.
 * esbuild splits ECMAScript modules only, so each is made CommonJS afterwards.
 */
export async function bundleApp(entryPath: string, rootPath: string): Promise<AppScripts> {
  const result = await build({
    entryPoints: { main: entryPath },
    absWorkingDir: rootPath,
    outdir: rootPath,
    bundle: true,
    splitting: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    legalComments: 'none',
    logLevel: 'silent',
    define: {
      'import.meta.url': '__fileUrl',
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
    },
    // The entry with its WebAssembly inside the script instead of in a file beside it.
    alias: { '@platformatic/wasm-utils': '@platformatic/wasm-utils/bundled' },
    plugins: [withAssets, withoutAddons, withoutDiskRequire],
  })
  for (const text of await formatMessages(result.warnings, { kind: 'warning' })) process.stderr.write(text)
  const { inputs, outputs } = result.metafile
  const scripts = new Map<string, string>()
  for (const { path, text } of result.outputFiles) {
    const entry = outputs[relative(rootPath, path)]?.entryPoint
    const isCommonJs = entry !== undefined && inputs[entry]?.format === 'cjs'
    scripts.set(basename(path), await asScript(text, isCommonJs))
  }
  const virtual = /^(node_modules\/|addon:|disk-require:|\(disabled\):)/
  return { scripts, inputs: Object.keys(inputs).filter((path) => !virtual.test(path)) }
}

/**
 * For `await import()` of a CommonJS package esbuild's module has only a default export, where Node also gives the
 * names in it.
 */
const NAMED_EXPORTS = `
const named = { default: module.exports.default, __esModule: true };
for (const key of Object.keys(named.default))
  if (!(key in named)) Object.defineProperty(named, key, { enumerable: true, get: () => named.default[key] });
module.exports = named;`

async function asScript(module: string, isCommonJs: boolean): Promise<string> {
  const { code } = await transform(module, {
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    charset: 'ascii',
    supported: { 'dynamic-import': false },
    banner: '(function (require, module, exports, __filename, __dirname, __fileUrl) {',
    footer: `${isCommonJs ? NAMED_EXPORTS : ''}})`,
  })
  // esbuild escapes strings, but leaves regular expressions (where an escape means the same) and comments as they are.
  return code.replace(/[^\0-\x7f]/g, escapeUnit)
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Native addons cannot be loaded from one file; the libraries fall back to JavaScript when requiring them throws. */
const withoutAddons: Plugin = {
  name: 'without-addons',
  setup(build) {
    build.onResolve({ filter: /(\.node$|^cpu-features$)/ }, ({ path }) => ({ path, namespace: 'addon' }))
    build.onLoad({ filter: /.*/, namespace: 'addon' }, ({ path }) => ({
      contents: `throw new Error(${JSON.stringify(`${path} is not part of this executable`)})`,
    }))
  },
}

/** Libraries that make their own `require` must not reach for node_modules folders beside or above the executable. */
const withoutDiskRequire: Plugin = {
  name: 'without-disk-require',
  setup(build) {
    build.onResolve({ filter: /^(node:)?module$/ }, ({ importer, namespace }) =>
      namespace === 'file' && importer.includes('/node_modules/')
        ? { path: 'module', namespace: 'disk-require' }
        : null,
    )
    build.onLoad({ filter: /.*/, namespace: 'disk-require' }, () => ({
      contents: `const real = require('node:module')
        const createRequire = () => (name) => {
          if (real.isBuiltin(name)) return require(name)
          throw Object.assign(new Error(name + ' is not part of this executable'), { code: 'MODULE_NOT_FOUND' })
        }
        module.exports = { ...real, createRequire }`,
    }))
  },
}
