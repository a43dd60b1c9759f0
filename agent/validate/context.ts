import type { Level } from '../contract/levels.ts'
import type { Movement, ReportCase } from '../contract/report.ts'
import type { RunCommand } from '../contract/step.ts'
import type { LedgerApi } from '../deployments/core-test-harness/ledger-api.ts'
import type { Profile } from '../deployments/core-test-harness/profile.ts'
import type { Container } from './containers.ts'
import type { Kafka } from './kafka.ts'
import type { SigningKeys } from './transfer/session.ts'

/** How long validation waits; milliseconds. All of them bound a wait that would otherwise be for ever. */
export interface ValidateTimes {
  /** One question to a service's health endpoint. */
  healthMs: number
  /** Consumer groups that are still being assigned or still catching up. */
  settleMs: number
  /** Funds on their way through Kafka and the handler. */
  fundsMs: number
  /** An answer of a service that DFSPs speak with, and each callback that has to follow. */
  callbackMs: number
  /** How long services keep the address of a DFSP that has moved: 5 s, as the bundle's configuration has it. */
  movedMs: number
  /** How long a transfer that is meant to expire may last. */
  expiryMs: number
  /** From then until the hub has noticed: it looks every 15 s. */
  timeoutMs: number
  /** Between two looks at something that is being waited for. */
  lookMs: number
}

/** What a case group may look at. */
export interface ValidateContext {
  profile: Profile
  currency: string
  signal: AbortSignal
  times: ValidateTimes
  run: RunCommand
  /** The project's containers as they were when validation began. */
  containers: Container[]
  kafka: Kafka
  /** Partitions of every topic, asked once for the whole run. @throws MojaboxError `kafka-unreachable` */
  partitions(): Promise<Map<string, number>>
  /** The admin API; what asks it is left out where the profile has no ledger. */
  ledger: LedgerApi
  /** Where the test DFSPs listen. */
  callbacksPort: number
  /** Private keys of the test DFSPs and public ones of the hub, by name; where messages are signed. */
  signingKeys: SigningKeys | undefined
  /** Subjects of the cases of earlier levels that failed. */
  failed: readonly string[]
  /** Tells of something that was done or seen, for the report's picture of it; when is noted here. */
  moved(movement: Omit<Movement, 'atMs'>): void
  /** GET of a service inside the Compose network; the status and body. */
  get(url: string, timeoutMs: number): Promise<{ status: number; body: string }>
}

/** One file in `cases/`, listed in registry.ts. */
export interface CaseGroup {
  /** The file's name. */
  name: string
  level: Level
  /** Returns findings; throws only when the run is interrupted. */
  run(context: ValidateContext): Promise<ReportCase[]>
}
