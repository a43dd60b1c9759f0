import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import { handedSecret, keepSecret, secretPath } from '../../../agent/store/secrets.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('../engine/node-paths.ts')).pathsBelow())

afterEach(async () => {
  vi.restoreAllMocks()
  await rm(NODE_PATHS.root, { recursive: true, force: true })
})

describe('a secret that validation takes', () => {
  it('comes from the node’s folder for root', async () => {
    await keepSecret('jws-hub-public', 'kept')
    expect(await handedSecret('jws-hub-public')).toBe('kept')
    expect(await handedSecret('jws-absent')).toBeUndefined()
  })

  it('is not taken where others could have read it', async () => {
    await keepSecret('jws-hub-public', 'kept')
    await chmod(secretPath('jws-hub-public'), 0o644)
    expect(await handedSecret('jws-hub-public')).toBeUndefined()
  })

  it('comes from what its unit hands to the agent, which may not look into that folder', async () => {
    vi.spyOn(process, 'getuid').mockReturnValue(990)
    await keepSecret('jws-hub-public', 'kept')
    expect(await handedSecret('jws-hub-public')).toBeUndefined()
    await mkdir(NODE_PATHS.agentSecrets, { recursive: true })
    await writeFile(join(NODE_PATHS.agentSecrets, 'jws-hub-public'), 'handed')
    expect(await handedSecret('jws-hub-public')).toBe('handed')
  })
})
