import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import { dropPieces } from '../../../agent/service/executable-pieces.ts'
import { FakeCommands } from '../engine/step-context.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('../engine/node-paths.ts')).pathsBelow())

const NAME = 'a'.repeat(64)
/** Whole ones, one that is on its way, and the engine's socket. */
const PIECES = [`${NAME}.0`, `${NAME}.10`]
const OTHERS = [`${NAME}.11.4711`, 'engine.sock']

const there = async () => (await readdir(NODE_PATHS.run)).toSorted()

beforeEach(async () => {
  await rm(NODE_PATHS.run, { recursive: true, force: true })
  await mkdir(NODE_PATHS.run, { recursive: true })
  for (const name of [...PIECES, ...OTHERS]) await writeFile(join(NODE_PATHS.run, name), '')
})

describe('the pieces in which the executable came', () => {
  it('go where it stays, and so does what would take them away later; nothing else goes', async () => {
    const commands = new FakeCommands()
    await dropPieces(commands.run)
    expect(await there()).toEqual(OTHERS)
    expect(commands.lines).toEqual(['systemctl stop mojabox-forget.timer'])
  })

  it('go where no systemd answers too', async () => {
    await dropPieces(new FakeCommands(() => ({ code: 1 })).run)
    expect(await there()).toEqual(OTHERS)
  })

  it('cost nothing where there are none', async () => {
    const commands = new FakeCommands()
    for (const name of PIECES) await rm(join(NODE_PATHS.run, name))
    await dropPieces(commands.run)
    expect(commands.lines).toEqual([])
  })
})
