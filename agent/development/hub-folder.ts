import { join } from 'node:path'
import { NODE_PATHS } from '../contract/paths.ts'
import { requireNodeState } from '../service/status.ts'

/** Where the installed hub's compose.yaml and .env lie. @throws MojaboxError `not-installed` */
export async function hubFolder(): Promise<string> {
  const { deployment } = await requireNodeState()
  return join(NODE_PATHS.deployments, deployment)
}
