import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The node's paths below a folder of the test's own: what `vi.mock` puts in place of `agent/contract/paths.ts`. */
export function pathsBelow(root = temporaryRoot()) {
  const home = join(root, 'var', 'lib', 'mojabox')
  return {
    FORGET_UNIT: 'mojabox-forget',
    NODE_PATHS: {
      root: home,
      executable: join(home, 'bin', 'mojabox'),
      command: join(root, 'usr', 'local', 'bin', 'mojabox'),
      store: join(home, 'store'),
      secrets: join(home, 'secrets'),
      packages: join(home, 'packages'),
      deployments: join(home, 'deployments'),
      reports: join(home, 'reports'),
      locks: join(home, 'reports', '.locks'),
      journal: join(home, 'journal.ndjson'),
      node: join(home, 'node.json'),
      run: join(root, 'run', 'mojabox'),
      engineSocket: join(root, 'run', 'mojabox', 'engine.sock'),
      agentSecrets: join(root, 'run', 'mojabox-agent', 'secrets'),
      agentSocket: join(root, 'run', 'mojabox-agent', 'agent.sock'),
      agentUnit: join(root, 'etc', 'mojabox-agent.service'),
    },
  }
}

function temporaryRoot(): string {
  const root = mkdtempSync(join(tmpdir(), 'mojabox-node-'))
  process.once('exit', () => rmSync(root, { recursive: true, force: true }))
  return root
}
