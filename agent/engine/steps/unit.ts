import { readlink } from 'node:fs/promises'
import type { Json, StepContext, StepHandler } from '../../contract/step.ts'

export interface UnitParams {
  /** A systemd unit, such as `docker.service`. */
  unit: string
  title: string
}

interface UnitState {
  active: boolean
  enabled: boolean
  stale: boolean
}

/** A unit that runs now and after every boot. One whose file or executable was replaced is restarted. */
export const unit: StepHandler<UnitParams> = {
  describe: (params) => params.title,

  async isDone(context, params) {
    const state = await observe(context, params.unit)
    return state.active && state.enabled && !state.stale
  },

  async before(context, params): Promise<Json> {
    const { active, enabled } = await observe(context, params.unit)
    return { active, enabled }
  },

  async apply(context, params) {
    await context.run(['systemctl', 'daemon-reload'])
    await context.run(['systemctl', 'enable', params.unit])
    await context.run(['systemctl', 'reset-failed', params.unit], { okCodes: [0, 1] })
    const { stale } = await observe(context, params.unit)
    await context.run(['systemctl', stale ? 'restart' : 'start', params.unit], { timeoutMs: 180_000 })
  },

  async undo(context, params, before) {
    const { active, enabled } = before as { active: boolean; enabled: boolean }
    if (!active) await context.run(['systemctl', 'stop', params.unit], { okCodes: [0, 5], timeoutMs: 180_000 })
    if (!enabled) await context.run(['systemctl', 'disable', params.unit], { okCodes: [0, 1] })
    await context.run(['systemctl', 'daemon-reload'])
  },
}

async function observe(context: StepContext, name: string): Promise<UnitState> {
  const properties = 'ActiveState,UnitFileState,NeedDaemonReload,MainPID'
  const { stdout } = await context.run(['systemctl', 'show', '-p', properties, name])
  const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(stdout)?.[1] ?? ''
  const active = value('ActiveState') === 'active'
  const executable = active ? await readlink(`/proc/${value('MainPID')}/exe`).catch(() => '') : ''
  return {
    active,
    enabled: value('UnitFileState').startsWith('enabled'),
    stale: value('NeedDaemonReload') === 'yes' || executable.endsWith(' (deleted)'),
  }
}
