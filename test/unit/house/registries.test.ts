import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { STEP_HANDLERS } from '../../../agent/engine/steps/registry.ts'
import { CHECKS } from '../../../agent/preflight/registry.ts'
import { CASE_GROUPS } from '../../../agent/validate/registry.ts'
import { SOURCES } from '../../../bundles/build/sources/registry.ts'
import { STEPS } from '../../../installer/wizard/steps/registry.ts'
import { codeOf, importsOf, namesIn, ROOT, sourceFiles } from './source-files.ts'

/** The files of a folder that a registry imports. */
function importedFrom(registry: string, folder: string): string[] {
  const [file] = sourceFiles(join(registry, '..')).filter(({ path }) => path === registry)
  return importsOf(file?.text ?? '')
    .filter((target) => target.startsWith(folder))
    .map((target) => target.slice(folder.length).replace(/\.ts$/, ''))
    .sort()
}

describe('registries', () => {
  it('has every kind of step, by its file’s name', () => {
    const names = namesIn('agent/engine/steps').filter((name) => name !== 'registry')
    expect(Object.keys(STEP_HANDLERS).toSorted()).toEqual(names)
    for (const [name, handler] of Object.entries(STEP_HANDLERS)) {
      expect({ name, ...handler }).toMatchObject({ describe: expect.any(Function), isDone: expect.any(Function) })
    }
  })

  it('has every check once', () => {
    const names = namesIn('agent/preflight/checks')
    expect(importedFrom('agent/preflight/registry.ts', './checks/')).toEqual(names)
    expect(CHECKS).toHaveLength(names.length)
    expect(new Set(CHECKS).size).toBe(names.length)
  })

  it('has every group of validation cases once', () => {
    const names = namesIn('agent/validate/cases')
    expect(importedFrom('agent/validate/registry.ts', './cases/')).toEqual(names)
    expect(new Set(CASE_GROUPS).size).toBe(names.length)
  })

  it('has every source of a bundle, by its file’s name', () => {
    const names = namesIn('bundles/build/sources').filter((name) => name !== 'registry')
    expect(Object.keys(SOURCES).toSorted()).toEqual(names)
  })

  it('has every question of the wizard, by its file’s name', () => {
    const names = namesIn('installer/wizard/steps').filter((name) => name !== 'registry')
    expect(Object.keys(STEPS).toSorted()).toEqual(names)
  })

  it('has every command: what a file of `cli` adds, the program adds', () => {
    const adders = sourceFiles('installer/cli').flatMap(({ path, text }) =>
      [...text.matchAll(/^export function (add\w+Command)\(/gm)].map((match) => ({ path, name: match[1] ?? '' })),
    )
    const used = sourceFiles('installer/cli')
      .map(({ text }) => codeOf(text).replace(/^(import|export function) .*$/gm, ''))
      .join('\n')
    const unused = adders.filter(({ name }) => !new RegExp(`\\b${name}\\b`).test(used))
    expect(adders.length).toBeGreaterThan(8)
    expect(unused).toEqual([])
  })

  it('has a folder of data for each folder of planning', () => {
    const folders = (path: string) =>
      readdirSync(join(ROOT, path), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
    for (const name of folders('agent/deployments')) {
      expect(existsSync(join(ROOT, 'bundles', name, 'bundle.yaml')), name).toBe(true)
    }
    const data = folders('bundles').filter((name) => !['build', 'format'].includes(name))
    expect(data.toSorted()).toEqual(folders('agent/deployments').toSorted())
    const code = data.flatMap((name) => sourceFiles(`bundles/${name}`).map(({ path }) => path))
    expect(code).toEqual([])
  })
})
