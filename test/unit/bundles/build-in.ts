import { join } from 'node:path'
import { type BuildOptions, type BuildResult, buildBundle } from '../../../bundles/build/build.ts'
import { openCache } from '../../../bundles/build/cache.ts'
import { createHttp } from '../../../bundles/build/http.ts'
import { selectPlatforms, selectProfiles } from '../../../bundles/build/selection.ts'
import type { Origins } from '../../../bundles/build/source.ts'
import { parseSpec } from '../../../bundles/build/spec.ts'

/** What a test wants to be different about a build; `origins` is laid over origins that know nothing. */
export interface BuildIn {
  spec: string
  origins?: Partial<Origins>
  platforms?: string[]
  profiles?: string[]
  distributions?: string[]
  layers?: 'zstd'
  options?: Partial<BuildOptions>
  notes?: string[]
}

const QUICK = { retries: 2, retryDelayMs: 1 }

/** Builds a bundle within a folder: spec beside it, cache in it, result `bundle.tar`. */
export async function buildIn(folder: string, wanted: BuildIn): Promise<BuildResult> {
  const path = join(folder, 'bundle.yaml')
  const spec = parseSpec(wanted.spec, path)
  const http = createHttp(QUICK)
  try {
    return await buildBundle({
      loaded: { spec, path, folder },
      selection: {
        profiles: selectProfiles(spec, wanted.profiles ?? []),
        platforms: selectPlatforms(spec, wanted.platforms ?? []),
        distributions: wanted.distributions,
        layers: wanted.layers,
      },
      origins: { ...NO_ORIGINS, ...wanted.origins },
      lock: undefined,
      base: undefined,
      patches: 'beside',
      outputPath: join(folder, 'bundle.tar'),
      lockPath: undefined,
      cache: await openCache(join(folder, 'cache'), QUICK),
      http,
      credentialsOf: () => undefined,
      parallel: 4,
      signal: new AbortController().signal,
      onProgress: () => {},
      note: (message) => void wanted.notes?.push(message),
      ...wanted.options,
    })
  } finally {
    await http.close()
  }
}

const NO_ORIGINS: Origins = {
  mirrors: {},
  plainHttp: [],
  images: {},
  aptMirrors: {},
  aptKeyrings: {},
  aptFolder: '/nonexistent',
  testFiles: undefined,
  executables: {},
  ownExecutable: undefined,
  withoutExecutables: true,
}

/** A spec with these images, each in a profile of its own, and nothing else. */
export function specOf(images: Record<string, string>, rest = 'files: []'): string {
  const flow = (entries: string[]): string[] => (entries.length === 0 ? ['  {}'] : entries.map((line) => `  ${line}`))
  return [
    'format: 1',
    'deployment: test',
    'version: 1.0.0',
    'platforms: [linux/amd64]',
    'images:',
    ...flow(Object.entries(images).map(([key, name]) => `${key}: ${name}`)),
    'profiles:',
    ...flow(Object.keys(images).map((key) => `${key}: [${key}]`)),
    rest,
    'executables: { linux/amd64: dist/mojabox }',
    'archives: {}',
    'distributions: {}',
  ].join('\n')
}
