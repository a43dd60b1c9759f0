/** Where mojabox keeps things on a node. Everything it writes lies under these, or is journaled by the step that wrote it. */
export const NODE_PATHS = {
  root: '/var/lib/mojabox',
  executable: '/var/lib/mojabox/bin/mojabox',
  command: '/usr/local/bin/mojabox',
  store: '/var/lib/mojabox/store',
  secrets: '/var/lib/mojabox/secrets',
  packages: '/var/lib/mojabox/packages',
  deployments: '/var/lib/mojabox/deployments',
  reports: '/var/lib/mojabox/reports',
  /** For root and the agent alone: who may open a file may lock it, and keep others waiting. */
  locks: '/var/lib/mojabox/reports/.locks',
  journal: '/var/lib/mojabox/journal.ndjson',
  node: '/var/lib/mojabox/node.json',
  run: '/run/mojabox',
  engineSocket: '/run/mojabox/engine.sock',
  /** What the agent may read of the secrets; in memory, gone when it ends. */
  agentSecrets: '/run/mojabox-agent/secrets',
  agentSocket: '/run/mojabox-agent/agent.sock',
  agentUnit: '/etc/systemd/system/mojabox-agent.service',
} as const

/** Takes away, an hour after a command that installed nothing, what it left in the host's memory. */
export const FORGET_UNIT = 'mojabox-forget'
