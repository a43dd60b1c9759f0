import { z } from 'zod'

/** Numbers and truth values, as YAML reads them, are texts to a process. No secrets: whoever may see a container sees them. */
const Environment = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a variable name'),
  z.union([z.string(), z.number(), z.boolean()]).transform(String),
)

const LogLevel = z.enum(['error', 'warn', 'info', 'verbose', 'debug', 'silly'])

/** What a site may say of one service. */
const ServiceSettings = z.strictObject({
  environment: Environment.default({}),
  /** An image in place of the bundle's; it must be in the host's Docker already. */
  image: z.string().min(1).optional(),
  /** Share of the processors at most: `0.5`. */
  cpus: z.number().positive().optional(),
  /** Memory at most, as Compose writes it: `512m`, `1g`. */
  memory: z
    .string()
    .regex(/^\d+(\.\d+)?[kmg]b?$/i, 'an amount of memory: 512m, 1g')
    .optional(),
  logLevel: LogLevel.optional(),
})

/** What a site may set for a deployment; carried whole to the node. No secrets, only references. */
export const Settings = z.strictObject({
  /**
   * Loopback ports to publish, by the deployment's own port name (`central-ledger`, `kafka`); `page`, the agent's; and
   * `callbacks`, where validation's DFSPs listen.
   */
  ports: z.record(z.string(), z.number().int().min(1).max(65535)).default({}),
  /** ISO 4217 currency of the hub's accounts and the test DFSPs. */
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/)
    .default('USD'),
  /** Of every service that reads the variable. */
  environment: Environment.default({}),
  /** Of every service that has one. */
  logLevel: LogLevel.optional(),
  services: z.record(z.string(), ServiceSettings).default({}),
  /** Keep image blobs in the node's store after the runtime has them. */
  keepBlobs: z.boolean().default(false),
  validateEverySeconds: z.number().int().min(10).default(300),
})
export type Settings = z.infer<typeof Settings>
