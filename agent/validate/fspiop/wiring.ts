import { z } from 'zod'
import type { Profile } from '../../deployments/core-test-harness/definition.ts'

const Name = z.string().regex(/^[a-z][a-z0-9-]*$/)

/** A service at its own port, on the Compose network. */
const Reached = z.strictObject({ service: Name, port: z.number().int().min(1).max(65535) })
export type Reached = z.infer<typeof Reached>

/** Where a profile answers DFSPs: what it has of it. Level `transfer` leaves out the rest. */
export const Fspiop = z.strictObject({
  /** ml-api-adapter */
  transfers: Reached.optional(),
  /** quoting-service */
  quotes: Reached.optional(),
  /** account-lookup-service, its API for DFSPs */
  parties: Reached.optional(),
  /** account-lookup-service, its API for the hub's operator */
  partiesAdmin: Reached.optional(),
  /** Who knows which DFSP has a number; `url` is where account-lookup-service finds it. */
  oracle: z.strictObject({ service: Name, url: z.url() }).optional(),
  /** By name, of the definition's `ports`: where the test DFSPs listen, on the Compose network's own address of the node. */
  callbacksPort: Name,
  /** DFSPs sign what they send, and the hub what it says itself. */
  jws: z.boolean(),
})
export type Fspiop = z.infer<typeof Fspiop>

export const DEFAULT_CALLBACKS_PORT = 3999

/** Undefined where a profile answers no DFSPs. */
export function fspiopOf(profile: Profile & { fspiop?: Fspiop }): Fspiop | undefined {
  return profile.fspiop
}
