import { bundle, Desk } from '../e2e/support/desk.ts'
import { expectDone } from '../e2e/support/expectations.ts'
import type { NodeOptions } from '../lab/nodes.ts'
import { ensureLaterBundle } from './later-bundle.ts'
import { fillLedger } from './ledger.ts'
import type { FaultRow, FaultVerb } from './row.ts'
import { Subject } from './subject.ts'

type HostOptions = Omit<NodeOptions, 'name' | 'publicKey'>

/**
 * What the rows of a run share: a desk, the two bundles, and a hub with data that is upgraded again and again. Hosts of a
 * row's own go with it.
 */
export class Ground {
  readonly desk: Desk
  /** What is installed first, and what it is upgraded to. */
  readonly bundles: { base: string; later: string }
  /** The rows that are run. */
  readonly rows: readonly FaultRow[]
  readonly #shared = new Map<string, Promise<unknown>>()
  readonly #ofRow: Subject[] = []
  /** Hosts that are like any other: one of them may become the hub that rows share. */
  readonly #plain = new Set<Subject>()
  #hub: Subject | undefined
  #hosts = 0

  private constructor(desk: Desk, later: string, rows: readonly FaultRow[]) {
    this.rows = rows
    this.desk = desk
    this.bundles = { base: bundle, later }
  }

  static async open(rows: readonly FaultRow[]): Promise<Ground> {
    const later = await ensureLaterBundle(bundle)
    return new Ground(await Desk.open(), later, rows)
  }

  /** Where a row's fault is made: a bare host for an install, a hub with data for an upgrade. */
  async subject(verb: FaultVerb): Promise<Subject> {
    return verb === 'install' ? this.bare() : this.hub()
  }

  /** The same, of a row's own. */
  async ownSubject(verb: FaultVerb): Promise<Subject> {
    return verb === 'install' ? this.bare() : this.freshHub()
  }

  /** A host of its own for a row, with nothing on it. */
  async bare(options: HostOptions = {}): Promise<Subject> {
    const subject = await this.#host('bare', options)
    this.#ofRow.push(subject)
    if (Object.keys(options).length === 0) this.#plain.add(subject)
    return subject
  }

  /** A host of its own for a row, with the first bundle installed and money in its ledger. */
  async freshHub(options: HostOptions = {}): Promise<Subject> {
    const subject = await this.bare(options)
    await this.#fill(subject)
    return subject
  }

  /** The hub that rows share, back at the first bundle. */
  async hub(): Promise<Subject> {
    if (this.#hub?.ledger) {
      const back = ['--allow-downgrade', '--bundle', this.bundles.base]
      expectDone(await this.desk.run(['install', ...this.#hub.flags, ...back]))
      // So that the later bundle has to bring its image again.
      await this.#hub.on('docker', 'image', 'prune', '--force')
      this.#hub.ledger = await this.#hub.readLedger()
    } else {
      this.#hub ??= await this.#host('hub', {})
      await this.#fill(this.#hub)
    }
    return this.#hub
  }

  /** Does a thing the first time that a row asks for it, for all of them. */
  once<T>(name: string, work: () => Promise<T>): Promise<T> {
    const known = this.#shared.get(name) ?? work()
    this.#shared.set(name, known)
    return known as Promise<T>
  }

  /**
   * Takes the row's hosts away; after a failure the shared hub too, as nobody knows in what state it is. A hub that an
   * install row left whole is kept, where there is none to share yet.
   */
  async rowEnded({ well }: { well: boolean }): Promise<void> {
    const ofRow = this.#ofRow.splice(0)
    if (well)
      this.#hub ??= ofRow.find(
        (subject) => this.#plain.has(subject) && subject.whole && subject.bundle === this.bundles.base,
      )
    const gone = ofRow.filter((subject) => subject !== this.#hub)
    if (!well && this.#hub) {
      gone.push(this.#hub)
      this.#hub = undefined
    }
    await Promise.all(gone.map((subject) => subject.remove()))
  }

  close(): Promise<void> {
    return this.desk.close()
  }

  async #host(name: string, options: HostOptions): Promise<Subject> {
    this.#hosts += 1
    const host = await this.desk.host(`${name}-${this.#hosts}`, options)
    return new Subject(this.desk, host, this.bundles.base)
  }

  async #fill(subject: Subject): Promise<void> {
    expectDone(await subject.run())
    subject.ledger = await fillLedger(subject.host.name)
    subject.bundle = this.bundles.later
  }
}
