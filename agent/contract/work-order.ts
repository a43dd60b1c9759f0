import { z } from 'zod'
import { Envelope } from '../../bundles/format/dsse.ts'
import { Digest } from '../../bundles/format/manifest.ts'
import { Settings } from './settings.ts'

export const VERBS = ['check', 'plan', 'install', 'validate', 'status', 'reset-data', 'uninstall'] as const

/** A Compose file of the site's own, as it was read at the desk. */
const ComposeOverride = z.strictObject({ file: z.string(), content: z.record(z.string(), z.unknown()) })
export type ComposeOverride = z.infer<typeof ComposeOverride>

/** The site resolved for one host, and what to do there. */
export const WorkOrder = z.strictObject({
  version: z.literal(1),
  /** Names its report's files too. */
  run: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/),
  verb: z.enum(VERBS),
  site: z.string(),
  host: z.string(),
  deployment: z.enum(['core-test-harness']),
  profile: z.string(),
  /** Digest of the bundle manifest; absent for verbs that need no bundle. */
  bundle: Digest.optional(),
  /** Of a delta: what it lists and the desk cannot hand out, as the base is not at hand. */
  leftOut: z.strictObject({ base: Digest, blobs: z.array(Digest) }).optional(),
  /** Signatures of the bundle, and the public keys (PEM) of which one must have signed it. */
  signature: z.strictObject({ envelope: Envelope, keys: z.array(z.string()) }).optional(),
  /** The site goes on without such a signature. */
  unsignedAllowed: z.boolean().default(false),
  /** An older bundle than the one installed will do. */
  downgradeAllowed: z.boolean().default(false),
  /** The node passes blobs on to the run's other hosts, and takes them from there; the address by which it is reached. */
  seeding: z.strictObject({ address: z.string() }).optional(),
  settings: Settings,
  /** Laid over the deployment's Compose file, in this order. */
  composeOverrides: z.array(ComposeOverride).default([]),
  /** With `plan`: also tell the whole configuration. */
  showConfig: z.boolean().default(false),
  skipChecks: z.array(z.string()),
  deleteData: z.boolean(),
  levels: z.array(z.string()),
  /** Who asks: shown to a second desk. */
  desk: z.string(),
})
export type WorkOrder = z.infer<typeof WorkOrder>
