import { readFile } from 'node:fs/promises'
import type { Event } from '../../agent/contract/events.ts'
import { factsOf, MojaboxError } from '../../bundles/format/error.ts'
import type { Reach } from '../actions/run-site.ts'
import type { Io } from '../cli/io.ts'
import type { Connection } from '../fleet/connection.ts'
import { type Glance, glanceAt } from '../fleet/glance.ts'
import { type HostKeys, openHostKeys, pinPathOf } from '../fleet/host-keys.ts'
import { createReader } from '../render/create-reader.ts'
import { lookOf } from '../render/look.ts'
import { createProgress } from '../render/progress.ts'
import type { Reader } from '../render/reader.ts'
import { checkText, type HostPlan, planText } from '../render/wizard-text.ts'
import { loadSite, siteOfText } from '../site/load-site.ts'
import { createSecrets, type SecretQuestion } from '../site/secret.ts'
import type { Host } from '../site/site.ts'
import { type Draft, hostsOf, hostText } from './draft.ts'
import type { BundleSearch } from './find-bundles.ts'
import { endsAll } from './flow.ts'
import type { Prompter } from './prompter.ts'
import { type FoundSite, siteText, writeSite } from './site-file.ts'
import type { Deed, Done, World } from './step.ts'

export interface DeedsOptions {
  io: Io
  prompter: Prompter
  folder: string
  /** Where the site file lies, or will lie. */
  sitePath: string
  found: FoundSite | undefined
  user: string
  /** Begun already: looking takes a while. */
  search: Promise<BundleSearch>
}

/** Carries out what the answers set off, and knows what came of it. */
export class Deeds {
  readonly #options: DeedsOptions
  readonly #glances = new Map<string, Glance>()
  #search: BundleSearch = { bundles: [], refused: [], unseen: [] }
  #searched = false
  #keys: Promise<HostKeys> | undefined
  /** What was typed, by what was asked: each once. */
  readonly #typed = new Map<string, Promise<string>>()
  /** The name under which an earlier site file was kept. */
  kept: string | undefined
  /** The site file says what was answered. */
  written = false

  constructor(options: DeedsOptions) {
    this.#options = options
  }

  world(): World {
    const { found, user, folder } = this.#options
    return { existing: found?.about, search: this.#search, glances: this.#glances, user, folder }
  }

  async carryOut(deed: Deed, draft: Draft): Promise<Done> {
    try {
      switch (deed.kind) {
        case 'reach':
          return await this.#reach(draft)
        case 'search':
          await this.#look(draft)
          return { draft }
        case 'open':
          await this.#open(deed.path, draft)
          return { draft }
        case 'trust':
          await this.#trust(draft)
          return { draft }
        case 'plan':
          await this.#plan(draft)
          return { draft }
        case 'write':
          await this.#write(draft)
          return { draft }
        case 'install':
          await this.#write(draft)
          await this.#install()
          return { draft }
      }
    } catch (error) {
      // What an answer was wrong about, another answer mends; an install that failed is the command's end.
      if (deed.kind === 'install' || endsAll(error) || this.#options.io.signal.aborted) throw error
      const problem = factsOf(error)
      // Each check that failed was shown already, on its own.
      return problem.code === 'check-failed' ? { draft, problem, told: true } : { draft, problem }
    }
  }

  /** Each host that was not looked at yet. Of those that cannot be reached the first becomes the pending one. */
  async #reach(given: Draft): Promise<Done> {
    let draft = given
    const pending = draft.where === 'here' ? undefined : draft.pending
    for (const host of [...hostsOf(draft), ...(pending ? [pending] : [])]) {
      if (this.#glances.has(hostText(host)) && host !== pending) continue
      try {
        await this.#glance(host)
      } catch (error) {
        if (endsAll(error) || this.#options.io.signal.aborted) throw error
        const hosts = draft.hosts.filter((one) => one !== host)
        const others = draft.where === 'here' ? {} : { hosts, pending: host }
        return { draft: { ...draft, ...others }, problem: factsOf(error) }
      }
      if (host === pending) draft = { ...draft, hosts: [...draft.hosts, host], pending: undefined }
    }
    return { draft }
  }

  async #glance(host: Host): Promise<void> {
    const { io, sitePath } = this.#options
    const progress = createProgress(io, `looking at ${hostText(host)}`)
    const used = new Set<string>()
    try {
      // Paths as the site file means them.
      const { site } = siteOfText(JSON.stringify({ ...ANY_SITE, hosts: [host] }), sitePath)
      const around = { beforeAsking: () => progress.done(), used }
      const connection = await this.#way(site.hosts[0] as Host, io.signal, around)
      try {
        this.#glances.set(hostText(host), await glanceAt(connection, io.signal))
      } finally {
        await connection.close()
      }
    } catch (error) {
      // What was typed wrong must not be what is tried again.
      for (const question of used) this.#typed.delete(question)
      throw error
    } finally {
      progress.done()
    }
  }

  /** One way to a host, as root, for the whole wizard: what was typed once is not asked again. */
  async #way(
    host: Host,
    signal: AbortSignal,
    { beforeAsking, used }: { beforeAsking(): void; used: Set<string> },
  ): Promise<Connection> {
    const { io, folder, prompter } = this.#options
    this.#beforeAsking = beforeAsking
    this.#keys ??= openHostKeys({
      pinPath: pinPathOf(folder),
      onUnknownKey: (key) => {
        this.#beforeAsking()
        return prompter.askKey(key)
      },
    })
    const ask = (question: SecretQuestion) => {
      const key = `${question.what} ${question.subject}`
      used.add(key)
      const known = this.#typed.get(key)
      if (known) return known
      beforeAsking()
      const typed = prompter.askSecret(question)
      this.#typed.set(key, typed)
      return typed
    }
    const secrets = createSecrets({ env: io.env, readFile: (path) => readFile(path, 'utf8'), ask })
    // Loaded here so that the first question is not kept waiting.
    const { reachHost } = await import('../fleet/reach-host.ts')
    return reachHost(host, { hostKeys: await this.#keys, secrets, signal, env: io.env })
  }

  #beforeAsking: () => void = () => {}

  async #look({ bundle }: Draft): Promise<void> {
    if (this.#searched) return
    const progress = createProgress(this.#options.io, 'looking for bundles')
    const search = await this.#options.search.finally(() => progress.done())
    this.#searched = true
    this.#search = search
    // One that was named before may lie where nobody looks.
    if (bundle === undefined || search.bundles.some(({ path }) => path === bundle)) return
    const { readBundle } = await import('./find-bundles.ts')
    const named = await readBundle(bundle).catch(() => undefined)
    if (named) this.#search = { ...search, bundles: [...search.bundles, named] }
  }

  async #open(path: string, { profile }: Draft): Promise<void> {
    const { readBundle } = await import('./find-bundles.ts')
    const bundle = { ...(await readBundle(path)), typed: true }
    const offered = bundle.profiles.map(({ name }) => name)
    if (offered.length === 0 || (profile !== undefined && !offered.includes(profile))) {
      throw new MojaboxError({
        code: 'profile-unknown',
        kind: 'bundle',
        message: profile ? `${path} does not carry the profile ${profile}` : `${path} carries no profile`,
        found: offered.join(', ') || 'none that can be installed',
        needed: profile ?? 'a profile',
        next: 'name another bundle, or go back to choose another profile',
      })
    }
    const others = this.#search.bundles.filter((one) => one.path !== bundle.path)
    this.#search = { ...this.#search, bundles: [bundle, ...others] }
  }

  async #trust(draft: Draft): Promise<void> {
    const [{ openBundle }, { trustIn }] = await Promise.all([
      import('../../bundles/format/open.ts'),
      import('../actions/trusted-bundle.ts'),
    ])
    const path = draft.bundle ?? ''
    const bundle = await openBundle(path)
    await trustIn(path, bundle.manifest, draft).finally(() => bundle.close())
  }

  async #plan(draft: Draft): Promise<void> {
    const { io, sitePath, found } = this.#options
    const resolved = siteOfText(siteText(draft, found, sitePath), sitePath)
    const { hosts } = resolved.site
    const plans = new Map<string, HostPlan>(hosts.map(({ name }) => [name, { host: name, checks: [], steps: [] }]))
    const reader = createReader(io, { json: false, hosts: hosts.length, verb: 'plan' })
    const look = lookOf(io)
    const take = (event: Event) => {
      const plan = plans.get(event.host)
      if (event.type === 'check') {
        plan?.checks.push(event.result)
        const { status } = event.result
        if (status === 'fail' || status === 'warn') {
          reader.end()
          return io.stderr(checkText(event.result, hosts.length > 1 ? event.host : undefined, look, io.columns))
        }
      }
      if (event.type === 'plan') plan?.steps.push(...event.steps)
      else reader.take(event)
    }
    io.stderr('Checking; nothing is changed.\n')
    const { runOnSite } = await import('../actions/run-verb.ts')
    await runOnSite(
      'plan',
      { resolved, reader: { take, end: () => reader.end() }, reach: this.#reachAll(reader) },
      {},
      io,
    )
    for (const { name, address } of hosts) {
      const plan = plans.get(name)
      if (plan) io.stderr(planText({ ...plan, host: address === 'local' ? 'this machine' : name }, look, io.columns))
    }
  }

  async #write(draft: Draft): Promise<void> {
    const { found, sitePath } = this.#options
    const kept = await writeSite(sitePath, siteText(draft, found, sitePath))
    this.kept ??= kept
    this.written = true
  }

  /** From the file that was written, as `mojabox install` would. */
  async #install(): Promise<void> {
    const { io, sitePath } = this.#options
    const resolved = await loadSite(sitePath)
    const reader = createReader(io, { json: false, hosts: resolved.site.hosts.length, verb: 'install' })
    const { runOnSite } = await import('../actions/run-verb.ts')
    await runOnSite('install', { resolved, reader, reach: this.#reachAll(reader) }, {}, io)
  }

  #reachAll(reader: Reader): () => Promise<Reach> {
    const around = { beforeAsking: () => reader.end(), used: new Set<string>() }
    return async () => (host, signal) => this.#way(host, signal, around)
  }
}

/** What a site has besides its hosts, where only these matter. */
const ANY_SITE = { version: 1, site: 'site', deployment: 'core-test-harness', profile: 'any', bundle: '-' }
