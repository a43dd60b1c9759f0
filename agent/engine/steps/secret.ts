import { rm, stat } from 'node:fs/promises'
import type { StepHandler } from '../../contract/step.ts'
import { makeSecret, secretPath } from '../../store/secrets.ts'

export interface SecretParams {
  name: string
  /** Random bytes; at least 16. */
  bytes: number
}

/** A password made on the node, once; it never leaves it. Taken away with the data it protects, not before. */
export const secret: StepHandler<SecretParams> = {
  keepsData: true,

  describe: (params) => `secret ${params.name}`,

  async isDone(_context, params) {
    const found = await stat(secretPath(params.name)).catch(() => undefined)
    return found !== undefined && found.size > 0 && (found.mode & 0o777) === 0o600
  },

  apply: (_context, params) => makeSecret(params.name, params.bytes),

  async undo(context, params) {
    if (context.order.deleteData) await rm(secretPath(params.name), { force: true })
  },
}
