import { spawn } from 'node:child_process'
import { copyFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { unit } from '../../../agent/engine/steps/unit.ts'
import { contextOf, FakeCommands } from './step-context.ts'
import { temporaryFolder } from './temporary-folder.ts'

const PARAMS = { unit: 'docker.service', title: 'Docker running' }

function systemd(shown: Record<string, string | number>) {
  const state = { ActiveState: 'inactive', UnitFileState: 'disabled', NeedDaemonReload: 'no', MainPID: 0, ...shown }
  const text = Object.entries(state)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
  return new FakeCommands((argv) => (argv[1] === 'show' ? text : undefined))
}

const running = { ActiveState: 'active', UnitFileState: 'enabled', MainPID: process.pid }
const done = (commands: FakeCommands) => unit.isDone(contextOf({ run: commands.run }), PARAMS)

describe('unit', () => {
  it('is done when it runs and will after a boot', async () => {
    expect(await done(systemd(running))).toBe(true)
    expect(await done(systemd({ ...running, UnitFileState: 'enabled-runtime' }))).toBe(true)
  })

  it.each([
    ['does not run', { ActiveState: 'inactive' }],
    ['failed', { ActiveState: 'failed' }],
    ['is still starting', { ActiveState: 'activating' }],
    ['would not come back after a boot', { UnitFileState: 'disabled' }],
    ['is masked', { UnitFileState: 'masked' }],
    ['has a newer unit file than systemd read', { NeedDaemonReload: 'yes' }],
  ])('is not done when it %s', async (_what, shown) => {
    expect(await done(systemd({ ...running, ...shown }))).toBe(false)
  })

  it('is not done, and is restarted, when its executable was replaced', async () => {
    const path = join(await temporaryFolder(), 'sleep')
    await copyFile('/bin/sleep', path)
    const child = spawn(path, ['60'])
    onTestFinished(() => void child.kill())
    await new Promise((resolve) => child.once('spawn', resolve))
    const commands = systemd({ ...running, MainPID: child.pid ?? 0 })
    expect(await done(commands)).toBe(true)
    await rm(path)
    expect(await done(commands)).toBe(false)
    await unit.apply(contextOf({ run: commands.run }), PARAMS)
    expect(commands.lines.at(-1)).toBe('systemctl restart docker.service')
  })

  it('is enabled and started', async () => {
    const commands = systemd({})
    await unit.apply(contextOf({ run: commands.run }), PARAMS)
    expect(commands.lines.filter((line) => !line.includes('show'))).toEqual([
      'systemctl daemon-reload',
      'systemctl enable docker.service',
      'systemctl reset-failed docker.service',
      'systemctl start docker.service',
    ])
  })

  it.each([
    [{ active: false, enabled: false }, ['systemctl stop docker.service', 'systemctl disable docker.service']],
    [{ active: true, enabled: true }, []],
    [{ active: true, enabled: false }, ['systemctl disable docker.service']],
    [{ active: false, enabled: true }, ['systemctl stop docker.service']],
  ])('comes back to what it was before: %j', async (before, wanted) => {
    const commands = systemd(running)
    await unit.undo?.(contextOf({ run: commands.run }), PARAMS, before)
    expect(commands.lines.slice(0, -1)).toEqual(wanted)
    expect(commands.lines.at(-1)).toBe('systemctl daemon-reload')
  })

  it('remembers whether it ran and was enabled', async () => {
    const look = (shown: Record<string, string>) => unit.before?.(contextOf({ run: systemd(shown).run }), PARAMS)
    expect(await look({})).toEqual({ active: false, enabled: false })
    expect(await look({ ActiveState: 'active', UnitFileState: 'enabled' })).toEqual({ active: true, enabled: true })
  })
})
