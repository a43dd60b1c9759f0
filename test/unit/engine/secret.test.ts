import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import { secret } from '../../../agent/engine/steps/secret.ts'
import { fillSecrets, redact, secretPath } from '../../../agent/store/secrets.ts'
import { orderOf } from '../service/orders.ts'
import { contextOf } from './step-context.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('./node-paths.ts')).pathsBelow())

afterEach(() => rm(NODE_PATHS.root, { recursive: true, force: true }))

const PARAMS = { name: 'mysql-root', bytes: 24 }
const context = contextOf()
const modeOf = async (path: string) => (await stat(path)).mode & 0o777

describe('secret', () => {
  it('makes a secret of that many random bytes, for root alone', async () => {
    expect(await secret.isDone(context, PARAMS)).toBe(false)
    await secret.apply(context, PARAMS)
    expect(await secret.isDone(context, PARAMS)).toBe(true)
    expect(await readFile(secretPath('mysql-root'), 'utf8')).toMatch(/^[0-9a-f]{48}$/)
    expect(await modeOf(secretPath('mysql-root'))).toBe(0o600)
    expect(await modeOf(NODE_PATHS.secrets)).toBe(0o700)
  })

  it('makes another one each time', async () => {
    await secret.apply(context, PARAMS)
    await secret.apply(context, { ...PARAMS, name: 'other' })
    expect(await readFile(secretPath('other'), 'utf8')).not.toBe(await readFile(secretPath('mysql-root'), 'utf8'))
  })

  it('never replaces one that is there: the data behind it could not be opened any more', async () => {
    await secret.apply(context, PARAMS)
    const made = await readFile(secretPath('mysql-root'), 'utf8')
    await chmod(secretPath('mysql-root'), 0o644)
    await chmod(NODE_PATHS.secrets, 0o755)
    expect(await secret.isDone(context, PARAMS)).toBe(false)
    await secret.apply(context, PARAMS)
    expect(await readFile(secretPath('mysql-root'), 'utf8')).toBe(made)
    expect(await modeOf(secretPath('mysql-root'))).toBe(0o600)
    expect(await modeOf(NODE_PATHS.secrets)).toBe(0o700)
  })

  it('is made anew where a power loss left an empty file', async () => {
    await mkdir(NODE_PATHS.secrets, { recursive: true })
    await writeFile(secretPath('mysql-root'), '', { mode: 0o600 })
    expect(await secret.isDone(context, PARAMS)).toBe(false)
    await secret.apply(context, PARAMS)
    expect(await readFile(secretPath('mysql-root'), 'utf8')).toHaveLength(48)
  })

  it('stays with the data when the rest is taken away', async () => {
    await secret.apply(context, PARAMS)
    await secret.undo?.(context, PARAMS, null)
    expect(await secret.isDone(context, PARAMS)).toBe(true)
    await secret.undo?.(contextOf({ order: orderOf({ deleteData: true }) }), PARAMS, null)
    expect(await secret.isDone(context, PARAMS)).toBe(false)
  })

  it('tells its name and nothing else', async () => {
    await secret.apply(context, PARAMS)
    expect(secret.describe(PARAMS)).toBe('secret mysql-root')
  })
})

describe('fillSecrets', () => {
  it('puts the node’s secrets where their names stand', async () => {
    await secret.apply(context, PARAMS)
    const made = await readFile(secretPath('mysql-root'), 'utf8')
    expect(await fillSecrets('a {{secret:mysql-root}} b {{secret:mysql-root}}')).toBe(`a ${made} b ${made}`)
  })

  it('leaves a text without secrets as it is', async () => {
    expect(await fillSecrets('{{currency}} {{secret:}} {{secret:NO}} $& $1')).toBe(
      '{{currency}} {{secret:}} {{secret:NO}} $& $1',
    )
  })

  it('takes a secret as it is, also where it holds what a replacement would read as a pattern', async () => {
    await mkdir(NODE_PATHS.secrets, { recursive: true })
    await writeFile(secretPath('odd'), "$&$1$'{{secret:odd}}")
    expect(await fillSecrets('<{{secret:odd}}>')).toBe("<$&$1$'{{secret:odd}}>")
  })

  it('fails rather than write a file without its password', async () => {
    await expect(fillSecrets('{{secret:missing}}')).rejects.toThrow()
  })

  it.each(['../../etc/passwd', 'a/b', '..'])('reads nothing outside its folder (%s)', async (name) => {
    expect(await fillSecrets(`{{secret:${name}}}`)).toBe(`{{secret:${name}}}`)
  })
})

describe('redact', () => {
  it('blots every secret of the node out', async () => {
    await secret.apply(context, PARAMS)
    const made = await readFile(secretPath('mysql-root'), 'utf8')
    expect(await redact(`Access denied (${made}) with ${made}`)).toBe('Access denied (***) with ***')
  })

  it('leaves texts alone where the node has no secrets', async () => {
    expect(await redact('a text')).toBe('a text')
  })
})
