import type { Json, StepHandler } from '../../contract/step.ts'

export interface UserParams {
  name: string
  /** Groups besides its own. */
  groups: string[]
}

/** A system user without login, home or password. */
export const user: StepHandler<UserParams> = {
  describe: (params) => `system user ${params.name}`,

  async isDone(context, params) {
    const { code, stdout } = await context.run(['id', '-nG', params.name], { okCodes: [0, 1] })
    const groups = stdout.trim().split(/\s+/)
    return code === 0 && params.groups.every((group) => groups.includes(group))
  },

  async before(context, params): Promise<Json> {
    return { there: (await context.run(['id', params.name], { okCodes: [0, 1] })).code === 0 }
  },

  async apply(context, params) {
    const there = (await context.run(['id', params.name], { okCodes: [0, 1] })).code === 0
    const groups = ['-G', params.groups.join(',')]
    if (there) await context.run(['usermod', '-a', ...groups, params.name])
    else {
      const shell = ['--shell', '/usr/sbin/nologin', '--home-dir', '/nonexistent', '--no-create-home']
      await context.run(['useradd', '--system', '--user-group', ...shell, ...groups, params.name])
    }
  },

  async undo(context, params, before) {
    if ((before as { there?: boolean } | null)?.there) return
    await context.run(['userdel', params.name], { okCodes: [0, 6] })
    await context.run(['groupdel', params.name], { okCodes: [0, 6] })
  },
}
