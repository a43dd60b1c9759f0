import { digestOf } from '../../../bundles/format/digest.ts'
import type { ErrorFacts } from '../../../bundles/format/error.ts'
import type { Glance } from '../../../installer/fleet/glance.ts'
import { Draft, hostsOf, hostText } from '../../../installer/wizard/draft.ts'
import type { FoundBundle } from '../../../installer/wizard/find-bundles.ts'
import { runFlow } from '../../../installer/wizard/flow.ts'
import type { ProfileOffer } from '../../../installer/wizard/profile-offers.ts'
import type { Deed, Done, StepId, World } from '../../../installer/wizard/step.ts'
import { type Act, FakePrompter } from './fake-prompter.ts'

const GIB = 1024 ** 3

export function offer(name: string, memoryGib = 2, ports: Record<string, number> = {}): ProfileOffer {
  return {
    name,
    title: `the profile ${name}`,
    memoryBytes: { fail: memoryGib * GIB, warn: 2 * memoryGib * GIB },
    cores: { fail: 1, warn: 2 },
    diskBytes: 5e9,
    services: 6,
    ports,
  }
}

export function foundBundle(path: string, profiles: ProfileOffer[], modifiedMs = 0): FoundBundle {
  return { path, digest: digestOf(path), version: '1.2.3', sizeBytes: 4e8, modifiedMs, signers: [], profiles }
}

export function glance(memoryGib = 8): Glance {
  return { memoryBytes: memoryGib * GIB, freeDiskBytes: 50e9, cores: 4, system: 'Debian GNU/Linux 13 (trixie)' }
}

export const REFUSAL: ErrorFacts = {
  code: 'host-unreachable',
  kind: 'host',
  message: 'the host refused the connection',
  found: 'nothing listens there',
  needed: 'an SSH server',
  next: 'start sshd',
}

const ANYTHING = [
  foundBundle('/site/hub.tar', [
    offer('central-ledger', 2, { 'central-ledger': 3001, kafka: 19092 }),
    offer('transfer', 4),
    offer('all-services', 12),
  ]),
]

/** Hosts, bundles and an engine of the test's own, behind the real flow and steps. */
export class FakeSurroundings {
  readonly prompter: FakePrompter
  bundles: FoundBundle[] = ANYTHING
  /** What is found only when it is opened by name. */
  elsewhere: FoundBundle[] = []
  existing: World['existing']
  /** By `hostText`; other hosts have 8 GiB. */
  glances: Record<string, Glance> = {}
  /** What each deed fails with, first come first served; undefined is a success. */
  readonly failures: Partial<Record<Deed['kind'], (ErrorFacts | undefined)[]>> = {}
  readonly deeds: Deed[] = []
  readonly said: string[] = []
  readonly complaints: ErrorFacts[] = []
  readonly remembered: Draft[] = []
  readonly #seen = new Map<string, Glance>()
  #searched = false

  constructor(acts: readonly Act[], changes: Partial<FakeSurroundings> = {}) {
    this.prompter = new FakePrompter(acts)
    Object.assign(this, changes)
  }

  /** Whom to trust was answered before, unless a test gives it otherwise. */
  run(given: Partial<Draft> = {}, start: StepId = this.existing ? 'existing' : 'where') {
    return runFlow(start, Draft.parse({ trust: ['/site/release.pub'], ...given }), {
      prompter: this.prompter,
      world: () => this.world(),
      carryOut: async (deed, draft) => this.#carryOut(deed, draft),
      remember: async (draft) => void this.remembered.push(draft),
      say: (lines) => void this.said.push(...lines),
      complain: (problem) => void this.complaints.push(problem),
      requireRoom: () => {},
    })
  }

  world(): World {
    const search = { bundles: this.#searched ? this.bundles : [], refused: [], unseen: [] }
    return { existing: this.existing, search, glances: this.#seen, user: 'me', folder: '/site' }
  }

  /** The deeds in short: `reach`, `plan`. */
  get done(): string[] {
    return this.deeds.map(({ kind }) => kind)
  }

  #carryOut(deed: Deed, draft: Draft): Done {
    this.deeds.push(deed)
    const problem = this.failures[deed.kind]?.shift()
    if (deed.kind === 'reach') {
      const pending = draft.where === 'here' ? undefined : draft.pending
      if (problem && draft.where !== 'here') {
        const failed = pending ?? draft.hosts[0]
        return { draft: { ...draft, hosts: draft.hosts.filter((one) => one !== failed), pending: failed }, problem }
      }
      if (problem) return { draft, problem }
      const reached = pending ? { ...draft, hosts: [...draft.hosts, pending], pending: undefined } : draft
      for (const host of hostsOf(reached)) this.#seen.set(hostText(host), this.glances[hostText(host)] ?? glance())
      return { draft: reached }
    }
    if (deed.kind === 'search') this.#searched = true
    if (deed.kind === 'open' && !problem) {
      const opened = this.elsewhere.find(({ path }) => path === deed.path)
      if (!opened) throw new Error(`no bundle at ${deed.path}`)
      this.bundles = [{ ...opened, typed: true }, ...this.bundles]
    }
    return problem ? { draft, problem } : { draft }
  }
}
