import { z } from 'zod'
import type { ErrorFacts } from '../../bundles/format/error.ts'

/** One line that a service wrote; secrets are blotted out, control characters are gone. */
export const LogLine = z.object({
  type: z.literal('log'),
  /** When, as Docker noted it: ISO 8601 with nanoseconds. */
  at: z.string(),
  service: z.string(),
  text: z.string(),
})
export type LogLine = z.infer<typeof LogLine>

/** Where a port of a service is reached from the node itself. */
export const Endpoint = z.object({
  service: z.string(),
  /** The port inside its container. */
  port: z.number().int(),
  /** On the node: loopback where it is published there, else the container's own address. */
  nodeHost: z.string(),
  nodePort: z.number().int(),
  /** The service tells clients to come back to this very port: a relay must have the same. */
  fixed: z.boolean(),
})
export type Endpoint = z.infer<typeof Endpoint>

/** What a service of the hub works with. Holds secrets: for the person who asked, never for logs or events. */
export const Surroundings = z.object({
  type: z.literal('surroundings'),
  endpoints: z.array(Endpoint),
  /** Of each database: who logs in, and with what. */
  logins: z.array(z.object({ service: z.string(), user: z.string(), password: z.string(), database: z.string() })),
  /** The one service that was asked for. */
  service: z
    .object({
      name: z.string(),
      image: z.string(),
      /** Its configuration file as it is on the node, JSON; null for a service without one. */
      config: z.string().nullable(),
    })
    .nullable(),
})
export type Surroundings = z.infer<typeof Surroundings>

/** A checkout in a service's place: how far it is. */
export const DevelopmentNote = z.object({
  type: z.literal('development'),
  state: z.enum(['building', 'starting', 'watching', 'restoring', 'restored']),
  service: z.string(),
  message: z.string(),
})
export type DevelopmentNote = z.infer<typeof DevelopmentNote>

/** A piece of what the testing toolkit's client says while it runs. */
export const ToolkitOutput = z.object({ type: z.literal('toolkit-output'), text: z.string() })

/** A piece of its report (JSON), in order: a real one has megabytes, too much for one line. */
export const ToolkitReport = z.object({ type: z.literal('toolkit-report'), text: z.string() })

/** How it ended. */
export const ToolkitEnded = z.object({ type: z.literal('toolkit-ended'), exitCode: z.number().int() })
export type ToolkitEnded = z.infer<typeof ToolkitEnded>

/** A file's path below the collections' folder: it stays below. */
const Below = z.string().regex(/^(?!.*(^|\/)\.\.?(\/|$))[^/].*$/)

/** What the testing toolkit is to run; goes to the node on stdin, one line. */
export const ToolkitOrder = z.object({
  /** Text by path; null for those that the install put beside the hub. */
  collections: z.record(Below, z.string()).nullable(),
  /** Of those: the files and folders to run. */
  inputs: z.array(Below).min(1),
  /** Null for the one beside the collections. */
  environment: z.string().nullable(),
  /** Comma-separated; empty for all. */
  labels: z.string(),
})
export type ToolkitOrder = z.infer<typeof ToolkitOrder>

const Failed = z.object({
  type: z.literal('failed'),
  error: z.custom<ErrorFacts>((value) => typeof value === 'object' && value !== null),
})

/** What a node's own commands (`mojabox node logs` …) print for the desk: one JSON object a line. */
export const NodeAnswer = z.discriminatedUnion('type', [
  LogLine,
  Surroundings,
  DevelopmentNote,
  ToolkitOutput,
  ToolkitReport,
  ToolkitEnded,
  Failed,
])
export type NodeAnswer = z.infer<typeof NodeAnswer>
