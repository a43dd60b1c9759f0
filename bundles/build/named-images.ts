import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isScalar, LineCounter, parseDocument, visit } from 'yaml'
import { MojaboxError } from '../format/error.ts'
import type { Spec } from './spec.ts'

interface Named {
  image: string
  file: string
  line: number
}

/**
 * A bundle is whole when it lists every image that its files name: one that is not in the spec would be missed on a site
 * without internet, long after. Read are YAML files, of them every `image: NAME` (Compose files, service descriptions).
 * @param files paths below `folder`
 * @throws MojaboxError `image-not-listed`, with each file and line
 */
export async function refuseUnlistedImages(spec: Spec, folder: string, files: readonly string[]): Promise<void> {
  const listed = new Set(Object.values(spec.images).map((image) => (typeof image === 'string' ? image : image.name)))
  const yamls = files.filter((file) => /\.ya?ml$/.test(file))
  const named = (await Promise.all(yamls.map((file) => imagesIn(folder, file)))).flat()
  const missing = named.filter(({ image }) => !listed.has(image))
  if (missing.length === 0) return
  throw new MojaboxError({
    code: 'image-not-listed',
    kind: 'usage',
    message: 'building the bundle: its files name images that the spec does not list',
    found: missing.map(({ image, file, line }) => `${file}:${line} names ${image}`).join('; '),
    needed: 'each of them under `images` in the spec, and in the profiles that need it',
    next: `add it to the spec, for instance ${missing[0]?.image.replace(/^.*\/([^/:]+).*$/, '$1')}: ${missing[0]?.image}`,
  })
}

async function imagesIn(folder: string, file: string): Promise<Named[]> {
  const lines = new LineCounter()
  const document = parseDocument(await readFile(join(folder, file), 'utf8'), { lineCounter: lines })
  const found: Named[] = []
  visit(document, {
    Pair(_key, { key, value }) {
      if (!isScalar(key) || key.value !== 'image' || !isScalar(value) || typeof value.value !== 'string') return
      found.push({ image: value.value, file, line: lines.linePos(value.range?.[0] ?? 0).line })
    },
  })
  return found
}
