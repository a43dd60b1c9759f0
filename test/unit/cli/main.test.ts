import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../engine/temporary-folder.ts'

const MAIN = join(import.meta.dirname, '..', '..', '..', 'installer', 'main.ts')

async function start(...argv: string[]) {
  const folder = await temporaryFolder()
  const child = spawn(process.execPath, [MAIN, ...argv], { cwd: folder, env: { PATH: process.env.PATH, HOME: folder } })
  const output = { out: Buffer.alloc(0), err: '' }
  child.stderr.on('data', (piece) => {
    output.err += piece
  })
  return { child, output, ended: once(child, 'close') as Promise<[number | null, string | null]> }
}

describe('main', () => {
  it('ends with the command’s code', async () => {
    const { child, ended, output } = await start('frobnicate')
    child.stdout.resume()
    expect((await ended)[0]).toBe(2)
    expect(output.err).toContain('frobnicate')
  })

  it('has written everything when it ends, however slow the reader is', async () => {
    // The pipe is full before mojabox writes its first byte.
    const script = '(head -c 65536 /dev/zero; "$@") | (sleep 1.5; wc -c)'
    const { stdout } = await promisify(execFile)('sh', ['-c', script, 'sh', process.execPath, MAIN, 'completion'])
    expect(Number(stdout)).toBeGreaterThan(65_536 + 1_000)
  })

  it('is not troubled by a reader that has seen enough', async () => {
    const { child, ended, output } = await start('completion')
    child.stdout.destroy()
    await ended
    expect(output.err).toBe('')
  })
})
