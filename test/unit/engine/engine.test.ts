import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { EventBody } from '../../../agent/contract/events.ts'
import type { Json, Step, StepContext, StepHandler } from '../../../agent/contract/step.ts'
import { applySteps, planSteps, undoSteps } from '../../../agent/engine/engine.ts'
import { Journal } from '../../../agent/engine/journal.ts'
import { MojaboxError } from '../../../bundles/format/error.ts'
import { contextOf } from './step-context.ts'
import { temporaryFolder } from './temporary-folder.ts'

const PARTS: Step[] = ['a', 'b', 'c'].map((name) => ({ id: `step-${name}`, kind: 'thing', params: name }))

/** A node on which things are there or not, and everything that was asked of it. */
class FakeNode {
  readonly there = new Set<string>()
  readonly asked: string[] = []
  readonly events: EventBody[] = []
  breaks: Partial<Record<'isDone' | 'before' | 'apply' | 'undo', (name: string) => unknown>> = {}
  settles = true
  journal: Journal
  readonly path: string
  readonly stop = new AbortController()

  private constructor(path: string, journal: Journal) {
    this.path = path
    this.journal = journal
  }

  static async create(): Promise<FakeNode> {
    const path = join(await temporaryFolder(), 'journal.ndjson')
    return new FakeNode(path, await Journal.open(path))
  }

  readonly handler: StepHandler<string> = {
    describe: (name) => `thing ${name}`,
    isDone: async (_context, name) => {
      await this.breaks.isDone?.(name)
      return this.there.has(name)
    },
    before: async (_context, name): Promise<Json> => {
      this.asked.push(`before ${name}`)
      await this.breaks.before?.(name)
      return { had: [...this.there] }
    },
    apply: async (_context, name) => {
      this.asked.push(`apply ${name}`)
      await this.breaks.apply?.(name)
      if (this.settles) this.there.add(name)
    },
    undo: async (_context, name, before) => {
      this.asked.push(`undo ${name} ${JSON.stringify(before)}`)
      await this.breaks.undo?.(name)
      this.there.delete(name)
    },
  }

  readonly handlers = () => this.handler as StepHandler<unknown>
  readonly context = (): StepContext => contextOf({ signal: this.stop.signal })

  apply(steps = PARTS): Promise<number> {
    return applySteps(steps, this.handlers, this.context, this.journal, (event) => this.events.push(event))
  }

  undo(): Promise<number> {
    return undoSteps(this.handlers, this.context, this.journal, (event) => this.events.push(event))
  }

  /** As a new process would find it. */
  async reopen(): Promise<void> {
    this.journal = await Journal.open(this.path)
    this.asked.length = 0
    this.events.length = 0
  }

  get phases(): string[] {
    return this.journal.entries.map((entry) => `${entry.phase} ${entry.step.params}`)
  }

  get told(): string[] {
    return this.events.map((event) => `${event.type} ${'id' in event ? event.id : ''}`.trim())
  }
}

const failed = async (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error) => error,
  )

describe('applySteps', () => {
  it('brings every step to done, in order, each journaled before and after', async () => {
    const node = await FakeNode.create()
    expect(await node.apply()).toBe(3)
    expect(node.asked).toEqual(['before a', 'apply a', 'before b', 'apply b', 'before c', 'apply c'])
    expect(node.phases).toEqual(['before a', 'after a', 'before b', 'after b', 'before c', 'after c'])
    expect(node.events[0]).toEqual({ type: 'step-started', id: 'step-a', title: 'thing a', index: 0, count: 3 })
    expect(node.events[1]).toMatchObject({ type: 'step-done', id: 'step-a', title: 'thing a', changed: true })
  })

  it('leaves a step alone that is done, and does not journal it', async () => {
    const node = await FakeNode.create()
    node.there.add('b')
    expect(await node.apply()).toBe(2)
    expect(node.asked).toEqual(['before a', 'apply a', 'before c', 'apply c'])
    expect(node.phases.some((phase) => phase.endsWith(' b'))).toBe(false)
    expect(node.events.filter((event) => event.type === 'step-done').map(({ changed }) => changed)).toEqual([
      true,
      false,
      true,
    ])
  })

  it('changes nothing when it runs again', async () => {
    const node = await FakeNode.create()
    await node.apply()
    const written = await readFile(node.path, 'utf8')
    await node.reopen()
    expect(await node.apply()).toBe(0)
    expect(node.asked).toEqual([])
    expect(await readFile(node.path, 'utf8')).toBe(written)
  })

  it('has on disk what was there before, when the first change is made', async () => {
    const node = await FakeNode.create()
    let onDisk = ''
    node.breaks.apply = async () => {
      onDisk = await readFile(node.path, 'utf8')
    }
    await node.apply(PARTS.slice(0, 1))
    expect(JSON.parse(onDisk)).toMatchObject({ phase: 'before', step: PARTS[0], before: { had: [] } })
  })

  it('goes on after a crash between before and after, and undoes to what was there before the first try', async () => {
    const node = await FakeNode.create()
    node.there.add('theirs')
    await node.journal.append({ run: 'r', phase: 'before', step: PARTS[0] as Step, before: { had: ['theirs'] } })
    node.there.add('half of a')
    await node.reopen()
    expect(await node.apply(PARTS.slice(0, 1))).toBe(1)
    expect(await node.undo()).toBe(1)
    expect(node.asked.at(-1)).toBe('undo a {"had":["theirs"]}')
  })

  it('undoes also a step that was applied whole when the crash came before it was journaled', async () => {
    const node = await FakeNode.create()
    await node.journal.append({ run: 'r', phase: 'before', step: PARTS[0] as Step, before: null })
    node.there.add('a')
    await node.reopen()
    expect(await node.apply(PARTS.slice(0, 1))).toBe(0)
    expect(await node.undo()).toBe(1)
    expect(node.there.size).toBe(0)
  })

  it('looks at what was there before only once: later it would find its own doing, secrets filled in', async () => {
    const node = await FakeNode.create()
    await node.apply(PARTS.slice(0, 1))
    node.there.clear()
    await node.reopen()
    await node.apply(PARTS.slice(0, 1))
    expect(node.asked).toEqual(['apply a'])
    expect(node.journal.applied()[0]?.before).toEqual({ had: [] })
  })

  it('stops at the first step that fails, tells and journals why, and leaves what was done', async () => {
    const node = await FakeNode.create()
    const cause = new MojaboxError({ code: 'disk-full', kind: 'step', message: 'the disk is full', next: 'make room' })
    node.breaks.apply = (name) => name === 'b' && Promise.reject(cause)
    expect(await failed(node.apply())).toBe(cause)
    expect(node.there).toEqual(new Set(['a']))
    expect(node.phases).toEqual(['before a', 'after a', 'before b', 'failed b'])
    expect(node.events.at(-1)).toEqual({ type: 'step-failed', id: 'step-b', title: 'thing b', error: cause.facts })
    node.breaks = {}
    await node.reopen()
    expect(await node.apply()).toBe(2)
  })

  it('makes any other error a failure of that step, with what it said', async () => {
    const node = await FakeNode.create()
    node.breaks.apply = () => Promise.reject(new TypeError('x is undefined'))
    const error = (await failed(node.apply())) as MojaboxError
    expect(error.facts).toMatchObject({ code: 'step-failed', kind: 'step' })
    expect(error.message).toContain('thing a')
    expect(error.message).toContain('x is undefined')
    expect(error.facts.next).not.toMatch(/MOJABOX_TRACE/)
  })

  it.each(['isDone', 'before'] as const)('fails in %s without having changed or noted anything', async (where) => {
    const node = await FakeNode.create()
    node.breaks[where] = () => Promise.reject(new Error('cannot look'))
    expect(await failed(node.apply())).toBeInstanceOf(MojaboxError)
    expect(node.asked).not.toContain('apply a')
    expect(node.journal.applied()).toEqual([])
    expect(node.told.at(-1)).toBe('step-failed step-a')
  })

  it('does not believe a step that is not seen as done afterwards', async () => {
    const node = await FakeNode.create()
    node.settles = false
    expect(await failed(node.apply())).toMatchObject({ facts: { code: 'step-unsettled', kind: 'step' } })
    expect(node.phases).toEqual(['before a', 'failed a'])
  })

  it('ends with why it was stopped, not with what that broke, and does not call it a failure', async () => {
    const node = await FakeNode.create()
    const reason = new MojaboxError({ code: 'interrupted', kind: 'interrupted', message: 'interrupted' })
    node.breaks.apply = (name) => {
      if (name !== 'b') return undefined
      node.stop.abort(reason)
      throw new Error('the command was killed')
    }
    expect(await failed(node.apply())).toBe(reason)
    expect(node.told).toEqual(['step-started step-a', 'step-done step-a', 'step-started step-b'])
    expect(node.phases).toEqual(['before a', 'after a', 'before b'])
  })

  it('begins no further step once it was stopped', async () => {
    const node = await FakeNode.create()
    node.breaks.apply = () => node.stop.abort(new Error('stopped'))
    expect(await failed(node.apply())).toMatchObject({ message: 'stopped' })
    expect(node.asked).toEqual(['before a', 'apply a'])
  })

  it('tells a full disk as what it is, also when the journal is on that disk', async () => {
    const node = await FakeNode.create()
    const full = new MojaboxError({ code: 'disk-full', kind: 'step', message: 'the disk is full' })
    node.journal.append = () => Promise.reject(full)
    expect(await failed(node.apply())).toBe(full)
    expect(node.told).toEqual(['step-started step-a', 'step-failed step-a'])
    expect(node.asked).toEqual(['before a'])
  })

  it('tells what the file system refused a step as what it is', async () => {
    const node = await FakeNode.create()
    node.breaks.apply = () => {
      throw Object.assign(new Error('EROFS: read-only file system, write'), { code: 'EROFS' })
    }
    expect(await failed(node.apply())).toMatchObject({ facts: { code: 'disk-read-only', kind: 'step' } })
  })

  it('tells why a step failed also when that cannot be journaled', async () => {
    const node = await FakeNode.create()
    const full = new MojaboxError({ code: 'disk-full', kind: 'step', message: 'the disk is full' })
    node.breaks.apply = () => {
      node.journal.append = () => Promise.reject(new Error('ENOSPC'))
      throw full
    }
    expect(await failed(node.apply())).toBe(full)
    expect(node.events.at(-1)).toMatchObject({ type: 'step-failed', error: { code: 'disk-full' } })
  })
})

describe('planSteps', () => {
  it('says of each step whether it is done, and touches nothing', async () => {
    const node = await FakeNode.create()
    node.there.add('b')
    expect(await planSteps(PARTS, node.handlers, node.context())).toEqual([
      { id: 'step-a', kind: 'thing', title: 'thing a', done: false },
      { id: 'step-b', kind: 'thing', title: 'thing b', done: true },
      { id: 'step-c', kind: 'thing', title: 'thing c', done: false },
    ])
    expect(node.asked).toEqual([])
    expect(node.journal.entries).toEqual([])
  })

  it('takes a step that cannot be observed yet for one that is to be done', async () => {
    const node = await FakeNode.create()
    node.breaks.isDone = () => Promise.reject(new Error('no docker here'))
    expect((await planSteps(PARTS, node.handlers, node.context())).every(({ done }) => !done)).toBe(true)
  })

  it('does not pass an interrupted look off as a plan', async () => {
    const node = await FakeNode.create()
    node.breaks.isDone = (name) => name === 'b' && node.stop.abort(new Error('stopped'))
    await expect(planSteps(PARTS, node.handlers, node.context())).rejects.toThrow('stopped')
  })
})

describe('undoSteps', () => {
  it('takes back what was applied, last first, each with what was there before it', async () => {
    const node = await FakeNode.create()
    await node.apply()
    await node.reopen()
    expect(await node.undo()).toBe(3)
    expect(node.asked).toEqual(['undo c {"had":["a","b"]}', 'undo b {"had":["a"]}', 'undo a {"had":[]}'])
    expect(node.there.size).toBe(0)
    expect(node.phases.slice(-3)).toEqual(['undone c', 'undone b', 'undone a'])
  })

  it('leaves alone what was there without mojabox', async () => {
    const node = await FakeNode.create()
    node.there.add('b')
    await node.apply()
    await node.undo()
    expect(node.there).toEqual(new Set(['b']))
  })

  it('has nothing to do where nothing was applied', async () => {
    const node = await FakeNode.create()
    expect(await node.undo()).toBe(0)
    expect(node.events).toEqual([])
  })

  it('goes on where it failed when it runs again', async () => {
    const node = await FakeNode.create()
    await node.apply()
    node.breaks.undo = (name) => name === 'b' && Promise.reject(new Error('busy'))
    expect(await failed(node.undo())).toMatchObject({ facts: { kind: 'step' } })
    expect(node.told.at(-1)).toBe('step-failed step-b')
    node.breaks = {}
    await node.reopen()
    expect(await node.undo()).toBe(2)
    expect(node.asked.map((line) => line.slice(0, 6))).toEqual(['undo b', 'undo a'])
  })

  it('undoes a step without an undo by forgetting it', async () => {
    const node = await FakeNode.create()
    await node.apply(PARTS.slice(0, 1))
    const { undo: _, ...plain } = node.handler
    const handlers = () => plain as StepHandler<unknown>
    expect(await undoSteps(handlers, node.context, node.journal, () => {})).toBe(1)
    expect(node.journal.applied()).toEqual([])
  })

  it('ends with why it was stopped', async () => {
    const node = await FakeNode.create()
    await node.apply()
    node.breaks.undo = () => node.stop.abort(new Error('stopped'))
    expect(await failed(node.undo())).toMatchObject({ message: 'stopped' })
    expect(node.journal.applied()).toHaveLength(2)
  })
})
