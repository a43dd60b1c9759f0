import { describe, expect, it } from 'vitest'
import type { Json } from '../../../agent/contract/step.ts'
import { user } from '../../../agent/engine/steps/user.ts'
import { contextOf, FakeCommands } from './step-context.ts'

const PARAMS = { name: 'mojabox', groups: ['docker'] }

/** A host whose user `mojabox` is in these groups; undefined: no such user. */
function host(groups?: string) {
  return new FakeCommands((argv) => {
    if (argv[0] !== 'id') return undefined
    return groups === undefined ? { code: 1 } : { stdout: `${groups}\n` }
  })
}

const at = (commands: FakeCommands) => contextOf({ run: commands.run })
const changes = (commands: FakeCommands) => commands.lines.filter((line) => !line.startsWith('id '))

describe('user', () => {
  it('is done when the user is in every group', async () => {
    expect(await user.isDone(at(host('mojabox docker')), PARAMS)).toBe(true)
    expect(await user.isDone(at(host('mojabox')), PARAMS)).toBe(false)
    expect(await user.isDone(at(host('mojabox docker-users')), PARAMS)).toBe(false)
    expect(await user.isDone(at(host()), PARAMS)).toBe(false)
  })

  it('is made as a system user that cannot log in', async () => {
    const commands = host()
    await user.apply(at(commands), PARAMS)
    const [line] = changes(commands)
    expect(line).toMatch(/^useradd --system /)
    expect(line).toContain('--shell /usr/sbin/nologin')
    expect(line).toContain('--no-create-home')
    expect(line).toContain('-G docker mojabox')
  })

  it('is only put into the groups when it is there', async () => {
    const commands = host('mojabox')
    await user.apply(at(commands), PARAMS)
    expect(changes(commands)).toEqual(['usermod -a -G docker mojabox'])
  })

  it('is taken away again, and content when it is gone', async () => {
    const commands = host()
    const before = (await user.before?.(at(commands), PARAMS)) as Json
    await user.undo?.(at(commands), PARAMS, before)
    expect(changes(commands)).toEqual(['userdel mojabox', 'groupdel mojabox'])
    expect(commands.ran.at(-1)?.options.okCodes).toContain(6)
  })

  it('stays when it was there before mojabox', async () => {
    const commands = host('mojabox wheel')
    const before = (await user.before?.(at(commands), PARAMS)) as Json
    await user.undo?.(at(commands), PARAMS, before)
    expect(changes(commands).some((line) => line.startsWith('userdel'))).toBe(false)
  })
})
