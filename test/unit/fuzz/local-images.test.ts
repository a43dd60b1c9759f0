import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { create } from 'tar'
import { describe, expect, it } from 'vitest'
import { openCache } from '../../../bundles/build/cache.ts'
import { localOrigin } from '../../../bundles/build/oci/local-origin.ts'
import { imageContent } from '../../../bundles/build/sbom/image-content.ts'
import { scanLayer } from '../../../bundles/build/sbom/read-layer.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { factsOf } from '../../../bundles/format/error.ts'
import { deb, layerTar, npm } from '../bundles/layer-tar.ts'
import { temporaryFolder } from '../bundles/temporary-folder.ts'
import { FUZZ_LIMIT_MS, holds } from './holds.ts'
import { spoiltBytes } from './made-up.ts'

const LAYER = layerTar({
  'var/lib/dpkg/status': deb('libc6', '2.41'),
  'app/node_modules/a/package.json': npm('a', '1.0.0'),
  'etc/os-release': 'ID=debian\nVERSION_ID="13"\n',
  'app/.wh.old': '',
  'app/link': { type: 'SymbolicLink', linkpath: '../../etc' },
  'app/node_modules/b/package.json': { type: 'Link', linkpath: 'app/node_modules/a/package.json' },
})

/** What `docker save` writes of an image of that layer. */
async function savedArchive(folder: string): Promise<Buffer> {
  const source = join(folder, 'saved')
  await mkdir(source)
  const rootfs = { type: 'layers', diff_ids: [digestOf(LAYER)] }
  await writeFile(join(source, 'layer.tar'), LAYER)
  await writeFile(join(source, 'config.json'), JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs }))
  const image = { Config: 'config.json', RepoTags: ['app:1'], Layers: ['layer.tar'] }
  await writeFile(join(source, 'manifest.json'), JSON.stringify([image]))
  await create({ file: join(folder, 'saved.tar'), cwd: source }, await readdir(source))
  return readFile(join(folder, 'saved.tar'))
}

describe('whatever an image is built from', () => {
  it(
    'a spoilt archive gives an image, or is told as a fault of its own',
    async () => {
      const folder = temporaryFolder()
      const good = await savedArchive(folder)
      const cache = await openCache(join(folder, 'cache'))
      const { signal } = new AbortController()
      const path = join(folder, 'spoilt.tar')
      await holds(spoiltBytes(good), 250, async (bytes) => {
        await writeFile(path, bytes)
        const failure = await localOrigin('docker.io/library/app:1', path, folder, cache, signal)
          .top()
          .then(() => undefined, factsOf)
        if (failure) expect(['usage', 'bundle'], failure.message).toContain(failure.kind)
      })
      expect((await readdir(join(cache.folder, 'blobs', 'sha256'))).filter((name) => name.length !== 64)).toEqual([])
    },
    FUZZ_LIMIT_MS,
  )

  it(
    'a spoilt layer is listed as far as it can be read',
    async () => {
      await holds(spoiltBytes(LAYER), 400, async (bytes) => {
        const scan = scanLayer()
        for (let at = 0; at < bytes.length; at += 700) scan.write(bytes.subarray(at, at + 700))
        const { packages } = imageContent([scan.end()])
        expect(packages.length).toBeLessThan(50)
      })
    },
    FUZZ_LIMIT_MS,
  )
})
