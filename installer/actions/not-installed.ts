import { NODE_PATHS } from '../../agent/contract/paths.ts'
import { MojaboxError } from '../../bundles/format/error.ts'

/** `not-installed`: the desk finds none of mojabox on the host of this name. */
export function notInstalled(name: string): MojaboxError {
  return new MojaboxError({
    code: 'not-installed',
    kind: 'check',
    message: `nothing is installed on ${name}`,
    found: `no ${NODE_PATHS.executable}`,
    needed: 'a finished `mojabox install`',
    next: 'mojabox install',
  })
}
