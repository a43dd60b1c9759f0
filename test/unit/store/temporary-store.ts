import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { Store } from '../../../agent/store/store.ts'

/** A store of this test's own, gone after it. */
export async function temporaryStore(): Promise<Store> {
  const folder = await mkdtemp(join(tmpdir(), 'mojabox-store-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const store = new Store(join(folder, 'store'))
  await store.prepare()
  return store
}
