import { stat } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Channel, DESK_SILENT_MS, type NodeMessage, PROTOCOL_VERSION } from '../../../agent/contract/channel.ts'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import type { WorkOrder } from '../../../agent/contract/work-order.ts'
import type { DeskLink } from '../../../agent/service/desk-link.ts'
import { serveEngine } from '../../../agent/service/engine-server.ts'
import { clockToPutForward } from '../put-forward.ts'
import { eventually } from './fake-desk.ts'
import { orderOf } from './orders.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('../engine/node-paths.ts')).pathsBelow())

/** An engine whose run ends when the test says so. */
async function startEngine() {
  const stop = new AbortController()
  const run = {
    orders: [] as WorkOrder[],
    link: undefined as DeskLink | undefined,
    signal: undefined as AbortSignal | undefined,
  }
  let finish: () => void = () => {}
  const served = serveEngine(async (hello, link, signal) => {
    run.orders.push(hello.order)
    Object.assign(run, { link, signal })
    await new Promise<void>((resolve) => {
      finish = resolve
      signal.addEventListener('abort', () => setTimeout(resolve, 50))
    })
    link.tell({
      type: 'run-finished',
      outcome: 'done',
      changed: 0,
      seconds: 0,
      at: '',
      host: 'n1',
      run: hello.order.run,
    })
  }, stop.signal)
  let ended = false
  void served.then(() => (ended = true))
  onTestFinished(async () => {
    // An engine without an order would wait for its first desk.
    const desk = run.orders.length === 0 && !ended ? connect(NODE_PATHS.engineSocket) : undefined
    desk?.on('error', () => {})
    const channel = desk && Channel.desk(desk)
    channel?.send({ type: 'hello', protocol: PROTOCOL_VERSION, order: orderOf(), deskTime: new Date().toISOString() })
    await eventually(() => ended || run.orders.length > 0 || undefined)
    finish()
    stop.abort()
    channel?.destroy()
    await served
  })
  await vi.waitFor(() => stat(NODE_PATHS.engineSocket))
  return { run, served, stop, finish: () => finish() }
}

class Desk {
  readonly heard: NodeMessage[] = []
  readonly socket: Socket
  readonly channel: Channel<NodeMessage, Parameters<ReturnType<typeof Channel.desk>['send']>[0]>

  constructor() {
    this.socket = connect(NODE_PATHS.engineSocket)
    this.socket.on('error', () => {})
    this.channel = Channel.desk(this.socket)
    this.channel.onMessage = (message) => this.heard.push(message)
    onTestFinished(() => this.channel.destroy())
  }

  hello(order: unknown, protocol = PROTOCOL_VERSION): this {
    this.channel.send({ type: 'hello', protocol, order: order as WorkOrder, deskTime: new Date().toISOString() })
    return this
  }

  answer(): Promise<NodeMessage> {
    return eventually(() => this.heard[0])
  }
}

describe('serveEngine', () => {
  it('carries out the first order, once, and ends when its last event was told', async () => {
    const engine = await startEngine()
    const desk = new Desk().hello(orderOf())
    expect(await desk.answer()).toEqual({ type: 'welcome', protocol: PROTOCOL_VERSION, attached: false })
    expect(engine.run.orders).toEqual([orderOf()])
    engine.finish()
    await desk.channel.closed
    await engine.served
    expect(desk.heard.map(({ type }) => type)).toEqual(['welcome', 'event', 'bye'])
    await expect(stat(NODE_PATHS.engineSocket)).rejects.toThrow()
  })

  it('is for root alone', async () => {
    await startEngine()
    await vi.waitFor(async () => expect((await stat(NODE_PATHS.engineSocket)).mode & 0o777).toBe(0o600))
    expect((await stat(dirname(NODE_PATHS.engineSocket))).mode & 0o777).toBe(0o700)
  })

  it('refuses another order while one runs, saying which and whose', async () => {
    await startEngine()
    await new Desk().hello(orderOf({ desk: 'amina@laptop' })).answer()
    const refused = await new Desk().hello(orderOf({ verb: 'uninstall' })).answer()
    expect(refused).toMatchObject({ type: 'refused', message: 'another install is running on this node' })
    expect(JSON.stringify(refused)).toContain('amina@laptop')
  })

  it('refuses a second desk with the same order while the first is there', async () => {
    await startEngine()
    await new Desk().hello(orderOf()).answer()
    const refused = await new Desk().hello(orderOf({ run: 'run-2', desk: 'other@desk' })).answer()
    expect(refused).toMatchObject({ type: 'refused', next: expect.stringContaining('wait') })
  })

  it('lets the same order take the run up again after its desk went away, and tells it what happened', async () => {
    const engine = await startEngine()
    const first = new Desk().hello(orderOf())
    await first.answer()
    const event = { type: 'note' as const, level: 'info' as const, message: 'hello', at: '', host: 'n1', run: 'run-1' }
    engine.run.link?.tell(event)
    first.socket.destroy()
    await eventually(() => (engine.run.link?.alive ? undefined : true))
    const second = new Desk().hello(orderOf({ run: 'run-2' }))
    expect(await second.answer()).toMatchObject({ type: 'welcome', attached: true })
    expect(await eventually(() => second.heard[1])).toEqual({ type: 'event', event })
    expect(engine.run.orders).toHaveLength(1)
  })

  it('lets the same order take the place of a desk that fell silent', async () => {
    const engine = await startEngine()
    const silent = new Desk().hello(orderOf())
    await silent.answer()
    clockToPutForward()(DESK_SILENT_MS + 1_000)
    expect(await new Desk().hello(orderOf()).answer()).toMatchObject({ type: 'welcome', attached: true })
    await silent.channel.closed
    expect(engine.run.signal?.aborted).toBe(false)
  })

  it('lets the desk of the run itself come back while its old link still looks alive', async () => {
    const engine = await startEngine()
    const first = new Desk().hello(orderOf({ run: 'run-1' }))
    await first.answer()
    expect(engine.run.link?.alive).toBe(true)
    expect(await new Desk().hello(orderOf({ run: 'run-1' })).answer()).toMatchObject({
      type: 'welcome',
      attached: true,
    })
    await first.channel.closed
  })

  it.each<[string, Partial<WorkOrder>]>([
    ['that wants the data gone too', { deleteData: true }],
    ['with another currency', { settings: { ...orderOf().settings, currency: 'KES' } }],
    ['that leaves a check out', { skipChecks: ['memory'] }],
    ['that validates more', { levels: ['services', 'ledger'] }],
    ['for another bundle', { bundle: `sha256:${'1'.repeat(64)}` }],
  ])('does not let an order %s take up a run that was another', async (_what, changes) => {
    const engine = await startEngine()
    const first = new Desk().hello(orderOf())
    await first.answer()
    first.socket.destroy()
    await eventually(() => (engine.run.link?.alive ? undefined : true))
    expect(await new Desk().hello(orderOf(changes)).answer()).toMatchObject({ type: 'refused' })
  })

  it('does not let anyone take up a run that is being stopped', async () => {
    const engine = await startEngine()
    const first = new Desk().hello(orderOf())
    await first.answer()
    first.channel.send({ type: 'abort' })
    await eventually(() => engine.run.signal?.aborted || undefined)
    first.socket.destroy()
    expect(await new Desk().hello(orderOf()).answer()).toMatchObject({
      type: 'refused',
      next: expect.stringContaining('again'),
    })
  })

  it('tells a desk of another version so, however its orders look', async () => {
    await startEngine()
    const refused = await new Desk().hello({ ...orderOf(), version: 2, novelty: true }, 2).answer()
    expect(refused).toMatchObject({ type: 'refused', message: expect.stringContaining('version') })
  })

  it('refuses an order that it does not understand', async () => {
    const engine = await startEngine()
    const refused = await new Desk().hello({ ...orderOf(), verb: 'explode' }).answer()
    expect(refused).toMatchObject({ type: 'refused' })
    expect(engine.run.orders).toEqual([])
  })

  it('begins nothing for who does not say hello', async () => {
    const engine = await startEngine()
    const desk = new Desk()
    desk.channel.send({ type: 'abort' })
    await desk.channel.closed
    expect(engine.run.orders).toEqual([])
    expect(engine.run.signal).toBeUndefined()
  })

  it('survives a connection that ends at once, and one that sends rubbish', async () => {
    const engine = await startEngine()
    connect(NODE_PATHS.engineSocket).end()
    connect(NODE_PATHS.engineSocket)
      .on('error', () => {})
      .end(Buffer.alloc(10_000, 'x'))
    await delay(20)
    expect(await new Desk().hello(orderOf()).answer()).toMatchObject({ type: 'welcome' })
    expect(engine.run.orders).toHaveLength(1)
  })

  it('stops the run when it is told to stop itself', async () => {
    const engine = await startEngine()
    await new Desk().hello(orderOf()).answer()
    engine.stop.abort()
    await eventually(() => engine.run.signal?.aborted || undefined)
    expect(engine.run.signal?.reason).toMatchObject({ facts: { kind: 'interrupted' } })
  })

  it('ends when it is told to stop before any desk came', async () => {
    const engine = await startEngine()
    engine.stop.abort()
    await Promise.race([engine.served, delay(2_000).then(() => Promise.reject(new Error('it did not end')))])
  })
})
