import type { BundleManifest } from '../../bundles/format/manifest.ts'
import { VERSION } from '../../bundles/format/version.ts'
import type { NodeState } from '../contract/node-state.ts'
import { NODE_PATHS } from '../contract/paths.ts'
import type { Step } from '../contract/step.ts'
import type { WorkOrder } from '../contract/work-order.ts'
import type { StepKind } from '../engine/steps/registry.ts'
import { secretPath } from '../store/secrets.ts'

/** The agent's system user. */
export const AGENT_USER = 'mojabox'

/**
 * The last steps of every deployment on a node of ours: the command, what is installed, and the agent that keeps it.
 * @param secrets Names of the node's secrets that the agent may read.
 */
export function planAgent(order: WorkOrder, bundle: BundleManifest, secrets: Iterable<string> = []): Step[] {
  const state: NodeState = {
    version: 1,
    site: order.site,
    host: order.host,
    deployment: order.deployment,
    profile: order.profile,
    bundle: bundle.digest,
    bundleVersion: bundle.version,
    mojabox: VERSION,
    settings: order.settings,
  }
  const step = <P>(id: string, kind: StepKind, params: P): Step => ({ id, kind, params })
  const file = (path: string, content: string, title: string) => ({ path, content, mode: 0o644, uid: 0, gid: 0, title })
  return [
    step('command', 'link', { path: NODE_PATHS.command, target: NODE_PATHS.executable }),
    step(
      'node-state',
      'file',
      file(NODE_PATHS.node, `${JSON.stringify(state, null, 2)}\n`, 'record of what is installed'),
    ),
    step('agent-user', 'user', { name: AGENT_USER, groups: ['docker'] }),
    step('agent-unit', 'file', file(NODE_PATHS.agentUnit, agentUnit(secrets), 'unit mojabox-agent.service')),
    step('agent', 'unit', { unit: 'mojabox-agent.service', title: 'agent running' }),
  ]
}

/**
 * Least privilege: no root, no capabilities, nothing writable but its reports. It may talk to the Docker socket,
 * which it needs to see the containers (and which is why it does nothing a request could steer). What secrets it may
 * read are handed to it as it starts: their folder is root's.
 */
const agentUnit = (secrets: Iterable<string>) => `[Unit]
Description=mojabox agent: keeps proving that the hub works
After=docker.service network.target
Wants=docker.service

[Service]
ExecStart=${NODE_PATHS.executable} agent
ExecStartPre=+/usr/bin/install -d -m 0755 -o ${AGENT_USER} -g ${AGENT_USER} ${NODE_PATHS.reports}
ExecStartPre=+/usr/bin/install -d -m 0700 -o ${AGENT_USER} -g ${AGENT_USER} ${NODE_PATHS.locks}
${handOver([...secrets])}User=${AGENT_USER}
Group=${AGENT_USER}
SupplementaryGroups=docker
Restart=always
RestartSec=2
RuntimeDirectory=mojabox-agent
UMask=0022
MemoryMax=512M
TasksMax=128
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ReadWritePaths=-${NODE_PATHS.reports}
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`

/** Not by LoadCredential=: on a host that is itself a container systemd sets that up, and the agent finds nothing. */
function handOver(secrets: readonly string[]): string {
  if (secrets.length === 0) return ''
  const paths = secrets.map(secretPath).join(' ')
  return `ExecStartPre=+/usr/bin/install -D -m 0400 -o ${AGENT_USER} -g ${AGENT_USER} -t ${NODE_PATHS.agentSecrets} ${paths}\n`
}
