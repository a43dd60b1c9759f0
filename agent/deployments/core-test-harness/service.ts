import { z } from 'zod'

export const Name = z.string().regex(/^[a-z][a-z0-9-]*$/)
export const Port = z.number().int().min(1).max(65535)

/** Where the service itself says how it is. It must answer with status 200; Mojaloop's own say `OK` in the body too. */
const Health = z.strictObject({ port: Port, path: z.string().startsWith('/') })

const Metrics = z.strictObject({ port: Port, path: z.string().startsWith('/').default('/metrics') })

/**
 * One service: its part of the Compose file, and what mojabox has to know beside it. What mojabox adds to `compose` when
 * it renders the file is never written there: `depends_on` (from `needs`), published ports, mounted configuration,
 * logging, restarts, and how often a health check asks.
 */
export const Service = z
  .strictObject({
    /** What must be well (of a job: have ended well) before this one starts. */
    needs: z.array(Name).default([]),
    /** Up before topics are made: what topics and schemas lie in. */
    backing: z.boolean().default(false),
    /** Runs once and ends. */
    job: z.boolean().default(false),
    /** Runs when it is asked for (tests, load): an install only makes it ready. */
    onDemand: z.boolean().default(false),
    /** Its image is published nowhere: the site names one (`settings.services.NAME.image`). */
    siteImage: z.boolean().default(false),
    /** What it takes when it has settled, bytes. */
    memoryBytes: z.number().int().nonnegative(),
    /** What its volumes grow to, bytes. */
    dataBytes: z.number().int().nonnegative().default(0),
    health: Health.optional(),
    /** Where Prometheus reads its metrics. */
    metrics: Metrics.optional(),
    /** Topics it writes to or reads from, with their partitions. */
    topics: z.record(z.string(), z.number().int().positive()).default({}),
    /** Topic by consumer group: each group must have this service on every partition. */
    consumes: z.record(z.string(), z.string()).default({}),
    /** Environment variables it reads; a name that ends in `*` stands for all that begin so. */
    variables: z.array(z.string().regex(/^[A-Z][A-Z0-9_]*\*?$/)).default([]),
    /** Its body in the Compose file. `{{port:NAME}}` and `{{currency}}` are filled in; a `$` is a `$`. */
    compose: z.looseObject({ image: z.string().min(1).optional() }),
  })
  .refine(({ siteImage, compose }) => siteImage === (compose.image === undefined), {
    message: 'has an image, or is marked siteImage',
  })
export type Service = z.infer<typeof Service>
