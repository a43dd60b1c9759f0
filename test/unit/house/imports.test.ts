import { builtinModules } from 'node:module'
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { importsOf, sourceFiles } from './source-files.ts'

/** Each floor, and what it may stand on. */
const FLOORS: Record<string, string[]> = {
  installer: ['installer', 'agent', 'bundles'],
  agent: ['agent', 'bundles'],
  bundles: ['bundles'],
}

const files = sourceFiles('installer', 'agent', 'bundles')

/** Every import as `FILE → TARGET`, the target from the top of the repository. */
const edges = files.flatMap(({ path, text }) =>
  importsOf(text)
    .filter((target) => target.startsWith('.'))
    .map((target) => ({ path, target: posix.join(posix.dirname(path), target) })),
)

describe('importsOf', () => {
  it('sees static, type, side-effect, re-exporting and dynamic imports', () => {
    const text = [
      "import { a } from './a.ts'",
      "import type { B } from './b.ts'",
      'import {',
      '  type C,',
      "} from './c.ts'",
      "import './d.ts'",
      "export { e } from './e.ts'",
      "export type * from './f.ts'",
      "  const { g } = await import('./g.ts')",
      "type H = import('./h.ts').H",
    ].join('\n')
    expect(importsOf(text).toSorted()).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) => `./${name}.ts`))
  })
})

describe('imports', () => {
  it('are many: the test looks at something', () => {
    expect(files.length).toBeGreaterThan(100)
    expect(edges.length).toBeGreaterThan(300)
  })

  it('go downwards only: installer, agent, bundles', () => {
    const upwards = edges.filter(({ path, target }) => {
      // The version stands in one place.
      if (path === 'bundles/format/version.ts' && target === 'package.json') return false
      const [floor = ''] = path.split('/')
      const [below = ''] = target.split('/')
      return !FLOORS[floor]?.includes(below)
    })
    expect(upwards).toEqual([])
  })

  it('name files that are there, with their ending', () => {
    const known = new Set(sourceFiles('installer', 'agent', 'bundles').map(({ path }) => path))
    expect(edges.filter(({ target }) => !known.has(target) && !/\.(json|ya?ml)$/.test(target))).toEqual([])
  })

  it('name what Node brings with `node:`', () => {
    const bare = files.flatMap(({ path, text }) =>
      importsOf(text)
        .filter((target) => builtinModules.includes(target) && !target.startsWith('node:'))
        .map((target) => `${path} → ${target}`),
    )
    expect(bare).toEqual([])
  })

  it('are not hidden in a variable: every dynamic import says what it loads', () => {
    const hidden = files.filter(({ text }) => /\bimport\(\s*[^'"`\s)]/.test(text.replace(/\/\/.*$/gm, '')))
    expect(hidden.map(({ path }) => path)).toEqual([])
  })

  it('bring Docker and Kubernetes to the agent only: the desk knows nothing of them', () => {
    const runtimes = edges.filter(
      ({ path, target }) => path.startsWith('installer/') && target.startsWith('agent/runtimes/'),
    )
    // The node's own commands are the same program: what they call runs where the effects are.
    const onNodes = ['installer/cli/node.ts', 'installer/cli/node-development.ts', 'installer/cli/status.ts']
    expect(runtimes.filter(({ path }) => !onNodes.includes(path))).toEqual([])
  })

  it('let checks and planning do no reading, no clock, no environment', () => {
    const pure = files.filter(({ path }) => /^agent\/preflight\/checks\/|^agent\/deployments\/.*plan\.ts$/.test(path))
    const impure = pure.flatMap(({ path, text }) => {
      const reads = importsOf(text).filter((target) => /^node:(fs|os|net|http|child_process|timers)/.test(target))
      const looks = [...text.matchAll(/\bDate\.now\(|\bnew Date\(\)|\bprocess\.(env|argv|cwd)\b|\bMath\.random\(/g)]
      return [...reads, ...looks.map(([found]) => found)].map((found) => `${path}: ${found}`)
    })
    expect(pure.length).toBeGreaterThan(15)
    expect(impure).toEqual([])
  })
})
