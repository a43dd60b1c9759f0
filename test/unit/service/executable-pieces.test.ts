import { spawnSync } from 'node:child_process'
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import type { RunCommand } from '../../../agent/contract/step.ts'
import { dropPieces, keepPieces } from '../../../agent/service/executable-pieces.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('../engine/node-paths.ts')).pathsBelow())

const NAME = 'a'.repeat(64)
/** Whole ones, one that is on its way, and the engine's socket. */
const PIECES = [`${NAME}.0`, `${NAME}.10`]
const OTHERS = [`${NAME}.11.4711`, 'engine.sock']

let calls: string[][]
const run: RunCommand = async (argv) => {
  calls.push(argv)
  return { code: 0, stdout: '', stderr: '' }
}
const programs = () => calls.map(([program]) => program)
const there = async () => (await readdir(NODE_PATHS.run)).toSorted()

beforeEach(async () => {
  calls = []
  await rm(NODE_PATHS.run, { recursive: true, force: true })
  await mkdir(NODE_PATHS.run, { recursive: true })
  for (const name of [...PIECES, ...OTHERS]) await writeFile(join(NODE_PATHS.run, name), '')
})

describe('the pieces in which the executable came', () => {
  it('go where it stays, and so does what would take them away later; nothing else goes', async () => {
    await dropPieces(run)
    expect(await there()).toEqual(OTHERS)
    expect(calls).toEqual([['systemctl', 'stop', 'mojabox-forget.timer']])
  })

  it('wait for an hour where nothing is installed, counted from the last command', async () => {
    await keepPieces(run)
    expect(await there()).toEqual([...PIECES, ...OTHERS].toSorted())
    expect(programs()).toEqual(['systemctl', 'systemd-run'])
    expect(calls[1]).toEqual(expect.arrayContaining(['--unit=mojabox-forget', '--on-active=60min', NODE_PATHS.run]))
  })

  it('go after that hour, and with them the folder; what came since then stays', async () => {
    await keepPieces(run)
    const [program = '', ...words] = calls[1]?.slice(calls[1].indexOf('sh')) ?? []
    const forget = () => expect(spawnSync(program, words)).toMatchObject({ status: 0 })
    forget()
    expect(await there()).toEqual([...PIECES, ...OTHERS].toSorted())
    for (const name of PIECES) await utimes(join(NODE_PATHS.run, name), new Date(), new Date(Date.now() - 3_600_000))
    forget()
    expect(await there()).toEqual(OTHERS)
    for (const name of OTHERS) await rm(join(NODE_PATHS.run, name))
    forget()
    expect(await readdir(NODE_PATHS.run).catch(() => 'gone')).toBe('gone')
  })

  it('go at once where nobody would take them away', async () => {
    await keepPieces(async (argv) => {
      if (argv[0] === 'systemd-run') throw new Error('no systemd')
      return run(argv)
    })
    expect(await there()).toEqual(OTHERS)
  })

  it('cost nothing where there are none', async () => {
    for (const name of PIECES) await rm(join(NODE_PATHS.run, name))
    await dropPieces(run)
    await keepPieces(run)
    expect(calls).toEqual([])
  })
})
