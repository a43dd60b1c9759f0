import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { SHA256_OF } from '../../../installer/delivery/sha256-of.ts'
import { temporaryFolder } from '../engine/temporary-folder.ts'

const run = (before: string, path: string) =>
  spawnSync('sh', ['-c', `${before} ${SHA256_OF}; sha256_of "$1"`, 'sh', path], { encoding: 'utf8' })

it.each([
  ['with openssl, where it is', ''],
  ['without', 'openssl() { return 127; };'],
])('reads the digest %s', async (_, before) => {
  const path = join(await temporaryFolder(), 'mojabox')
  await writeFile(path, 'an executable')
  const sha256 = createHash('sha256').update('an executable').digest('hex')
  expect(run(before, path).stdout.slice(0, 65)).toBe(`${sha256} `)
})

it('fails where there is no file', () => {
  const { status, stdout } = run('', '/nowhere/mojabox')
  expect({ failed: status !== 0, stdout }).toEqual({ failed: true, stdout: '' })
})
