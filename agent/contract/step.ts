import type { BlobSource } from '../../bundles/format/blob-source.ts'
import type { BundleManifest, Digest } from '../../bundles/format/manifest.ts'
import type { Arrivals } from '../store/arrivals.ts'
import type { Store } from '../store/store.ts'
import type { WorkOrder } from './work-order.ts'

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

/** A step is data: serialisable, no secrets, only references to them. */
export interface Step {
  id: string
  kind: string
  params: unknown
}

export interface CommandResult {
  code: number
  stdout: string
  stderr: string
}

export interface CommandOptions {
  /** Written to stdin, then closed. */
  input?: string
  env?: Record<string, string>
  cwd?: string
  /** Default 120 000. */
  timeoutMs?: number
  /** Exit codes that are not a failure; default [0]. */
  okCodes?: number[]
  /** Ends this command alone. */
  signal?: AbortSignal
}

/**
 * Runs a command on this machine; argv, never a string.
 * @throws MojaboxError `command-failed` with argv, exit code and the end of stderr.
 */
export type RunCommand = (argv: string[], options?: CommandOptions) => Promise<CommandResult>

/** The bundle as the node sees it: blobs from the store, else from the desk; each digest checked before use. */
export interface NodeBundle {
  manifest: BundleManifest
  blobs: BlobSource
  /** A whole small blob (at most 16 MiB), verified. @throws MojaboxError `blob-too-large`, `blob-corrupt` */
  readBlob(digest: Digest): Promise<Buffer>
  /** One file of a `files` artifact. @throws MojaboxError `file-not-in-bundle` */
  readFile(artifact: string, path: string): Promise<Buffer>
}

export interface StepContext {
  order: WorkOrder
  signal: AbortSignal
  run: RunCommand
  /** Present for every verb that names a bundle. */
  bundle: NodeBundle | undefined
  store: Store
  /** Blobs on their way from the desk into the store. */
  arrivals: Arrivals
  progress(done: number, total: number, unit: 'bytes' | 'items', note?: string): void
  note(message: string): void
}

export interface StepHandler<P> {
  describe(params: P): string
  /** Observes the node, never the journal alone. */
  isDone(context: StepContext, params: P): Promise<boolean>
  /** What was there before, for `undo`; journaled before the first `apply`. */
  before?(context: StepContext, params: P): Promise<Json>
  apply(context: StepContext, params: P): Promise<void>
  /** Its `undo` leaves data behind unless the order says `deleteData`: undo comes again when it does. */
  keepsData?: boolean
  /** Leaves the host as `before` saw it. Steps without it leave nothing behind. */
  undo?(context: StepContext, params: P, before: Json): Promise<void>
  /** What of others needs what `undo` would take away, by name: with any, the step stays, and undo comes again next time. */
  neededBy?(context: StepContext, params: P, before: Json): Promise<string[]>
}
