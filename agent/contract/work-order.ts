import { z } from 'zod'
import { Digest } from '../../bundles/format/manifest.ts'

export const VERBS = ['check', 'plan', 'install', 'validate', 'status', 'reset-data', 'uninstall'] as const

/** What a site may set for a deployment; carried whole to the node. No secrets, only references. */
export const Settings = z.strictObject({
  /** Loopback ports to publish, by the deployment's own port name (`central-ledger`, `kafka`). */
  ports: z.record(z.string(), z.number().int().min(1).max(65535)).default({}),
  /** ISO 4217 currency of the hub's accounts and the test DFSPs. */
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/)
    .default('USD'),
  /** Keep image blobs in the node's store after the runtime has them. */
  keepBlobs: z.boolean().default(false),
  validateEverySeconds: z.number().int().min(10).default(300),
})
export type Settings = z.infer<typeof Settings>

/** The site resolved for one host, and what to do there. */
export const WorkOrder = z.strictObject({
  version: z.literal(1),
  run: z.string(),
  verb: z.enum(VERBS),
  site: z.string(),
  host: z.string(),
  deployment: z.enum(['core-test-harness']),
  profile: z.string(),
  /** Digest of the bundle manifest; absent for verbs that need no bundle. */
  bundle: Digest.optional(),
  settings: Settings,
  skipChecks: z.array(z.string()),
  deleteData: z.boolean(),
  levels: z.array(z.string()),
  /** Who asks: shown to a second desk. */
  desk: z.string(),
})
export type WorkOrder = z.infer<typeof WorkOrder>
