import { readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Store } from '../../../agent/store/store.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { MojaboxError } from '../../../bundles/format/error.ts'
import { temporaryStore } from './temporary-store.ts'

const CONTENT = Buffer.alloc(300_000, 'content ')
const DIGEST = digestOf(CONTENT)

async function storeWith(content = CONTENT): Promise<Store> {
  const store = await temporaryStore()
  await writeFile(store.blobPath(digestOf(content)), content)
  return store
}

/** Open descriptors of this process on files of the store. */
async function openFiles(store: Store): Promise<string[]> {
  const names = await readdir('/proc/self/fd')
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')))
  return targets.filter((target) => target.startsWith(store.root))
}

describe('Store', () => {
  it('is an OCI image layout', async () => {
    const store = await storeWith()
    expect(JSON.parse(await readFile(join(store.root, 'oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' })
    expect(await readdir(join(store.root, 'blobs', 'sha256'))).toEqual([DIGEST.slice(7)])
  })

  it('knows the sizes of what it has', async () => {
    const store = await storeWith()
    expect(await store.sizeOf(DIGEST)).toBe(CONTENT.length)
    expect(await store.sizeOf(digestOf('else'))).toBeUndefined()
  })

  it('reads from any byte on', async () => {
    const store = await storeWith()
    expect(Buffer.concat(await store.read(DIGEST).toArray())).toEqual(CONTENT)
    expect(Buffer.concat(await store.read(DIGEST, 299_998).toArray())).toEqual(CONTENT.subarray(-2))
    expect(await store.read(DIGEST, CONTENT.length).toArray()).toEqual([])
  })

  it('says of a blob that it lacks it, not that a file is missing', async () => {
    const store = await temporaryStore()
    const error = await store
      .read(DIGEST)
      .toArray()
      .catch((thrown) => thrown)
    expect(error).toBeInstanceOf(MojaboxError)
    expect(error.facts).toMatchObject({ code: 'blob-missing', kind: 'bundle' })
  })

  it('closes the file when its reader goes away', async () => {
    const store = await storeWith()
    for (let round = 0; round < 5; round += 1) {
      for await (const _piece of store.read(DIGEST)) break
    }
    await delay(50)
    expect(await openFiles(store)).toEqual([])
  })

  it('takes a blob in by renaming it', async () => {
    const store = await temporaryStore()
    await writeFile(store.ingestPath(DIGEST), CONTENT)
    await store.commit(DIGEST)
    expect(await store.list()).toEqual([DIGEST])
    expect(await stat(store.ingestPath(DIGEST)).catch(() => 'gone')).toBe('gone')
  })

  it('removes a blob, complete or on its way, and is content when there is none', async () => {
    const store = await storeWith()
    await writeFile(store.ingestPath(DIGEST), 'half')
    await store.remove(DIGEST)
    await store.remove(DIGEST)
    expect(await store.list()).toEqual([])
    expect(await readdir(join(store.root, 'ingest'))).toEqual([])
  })

  it('lists blobs only, none of what else may lie there', async () => {
    const store = await storeWith()
    await writeFile(join(store.root, 'blobs', 'sha256', 'notes.txt'), '')
    await writeFile(store.ingestPath(digestOf('half')), '')
    expect(await store.list()).toEqual([DIGEST])
  })

  it('can be prepared again without losing anything', async () => {
    const store = await storeWith()
    await store.prepare()
    expect(await store.list()).toEqual([DIGEST])
  })
})
