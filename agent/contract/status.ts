import { z } from 'zod'

export const ServiceStatus = z.object({
  service: z.string(),
  state: z.string(),
  health: z.string(),
  image: z.string(),
})
export type ServiceStatus = z.infer<typeof ServiceStatus>

export const ValidationSummary = z.object({
  at: z.string(),
  seconds: z.number(),
  passed: z.boolean(),
  /** Titles of the cases that failed, with what they point at. */
  failed: z.array(z.string()),
  report: z.string(),
})
export type ValidationSummary = z.infer<typeof ValidationSummary>

/** What `mojabox status` tells of one node. */
export const NodeStatus = z.object({
  version: z.literal(1),
  site: z.string(),
  host: z.string(),
  deployment: z.string(),
  profile: z.string(),
  bundle: z.string(),
  bundleVersion: z.string(),
  mojabox: z.string(),
  bootedAt: z.string(),
  hub: z.enum(['up', 'starting', 'degraded', 'down']),
  services: z.array(ServiceStatus),
  agent: z
    .object({
      pid: z.number(),
      startedAt: z.string(),
      residentBytes: z.number(),
      mirror: z.string(),
      /** `127.0.0.1:9470`; null when its port was taken. */
      page: z.string().nullable().default(null),
    })
    .nullable(),
  store: z.object({ blobs: z.number(), bytes: z.number() }),
  validation: ValidationSummary.nullable(),
  nextValidationAt: z.string().nullable(),
})
export type NodeStatus = z.infer<typeof NodeStatus>
