import { z } from 'zod'
import { Digest } from '../../bundles/format/manifest.ts'
import { Settings } from './settings.ts'

/** What is installed on this node: written by the install, read by the agent and by validation. No secrets. */
export const NodeState = z.object({
  version: z.literal(1),
  site: z.string(),
  host: z.string(),
  deployment: z.enum(['core-test-harness']),
  profile: z.string(),
  bundle: Digest,
  bundleVersion: z.string(),
  mojabox: z.string(),
  settings: Settings,
})
export type NodeState = z.infer<typeof NodeState>
