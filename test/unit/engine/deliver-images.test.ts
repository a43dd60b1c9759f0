import { expect, it, vi } from 'vitest'
import { deliverImages } from '../../../agent/engine/deliver-images.ts'
import type { CarriedImage, ImageContent } from '../../../agent/store/image-content.ts'
import { FakeCommands } from './step-context.ts'

/** What Docker is asked, and when it has pulled what. */
const docker = vi.hoisted(() => ({ said: [] as string[], pulling: new Map<string, () => void>() }))

vi.mock('../../../agent/runtimes/docker.ts', async (original) => ({
  ...(await original<object>()),
  pullImage: (repository: string, _tag: string, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const name = repository.split('/').at(-1) ?? ''
      docker.said.push(`pull ${name}`)
      docker.pulling.set(name, resolve)
      signal.addEventListener('abort', () => reject(signal.reason))
    }),
  listImages: async () => [{}],
  tagImage: async (_source: string, repository: string) => docker.said.push(`tag ${repository.split('/').at(-1)}`),
  removeImage: async () => {},
}))

const image = (name: string) => ({ name: `docker.io/a/${name}:1` }) as CarriedImage
const [base, one, two] = [image('base'), image('one'), image('two')]

/** Deliveries that go on until a test lets Docker finish a pull. */
function begin(pulls: { image: CarriedImage; after: CarriedImage[] }[]) {
  docker.said.length = 0
  const stop = new AbortController()
  const brought: string[] = []
  const content = { bring: async ({ name }: CarriedImage) => void brought.push(name) } as unknown as ImageContent
  const { run } = new FakeCommands(() => undefined)
  const delivered = deliverImages(pulls, { mirror: '127.0.0.1:1', content, run, signal: stop.signal })
  delivered.catch(() => {})
  const finish = (name: string) => docker.pulling.get(name)?.()
  const said = (...words: string[]) => vi.waitFor(() => expect(docker.said).toEqual(words))
  return { delivered, brought, finish, said, stop }
}

it('pulls all at once where none waits for another, and has nothing come before it is asked for', async () => {
  const { delivered, brought, finish, said } = begin([base, one, two].map((each) => ({ image: each, after: [] })))
  await said('pull base', 'pull one', 'pull two')
  for (const name of ['base', 'one', 'two']) finish(name)
  await delivered
  expect(docker.said.slice(3).toSorted()).toEqual(['tag base', 'tag one', 'tag two'])
  expect(brought).toEqual([])
})

it('begins with an image when those that it waits for are there, and has its blobs come meanwhile', async () => {
  const { delivered, brought, finish, said } = begin([
    { image: base, after: [] },
    { image: one, after: [base] },
    { image: two, after: [base, one] },
  ])
  await said('pull base')
  expect(brought).toEqual([base, one, two].map(({ name }) => name))
  finish('base')
  await said('pull base', 'tag base', 'pull one')
  finish('one')
  await said('pull base', 'tag base', 'pull one', 'tag one', 'pull two')
  finish('two')
  await delivered
})

it('ends with what one could not be pulled for, and does not begin with those that wait', async () => {
  const { delivered, said, stop } = begin([
    { image: base, after: [] },
    { image: one, after: [base] },
  ])
  await said('pull base')
  stop.abort(new Error('stopped'))
  await expect(delivered).rejects.toThrow('stopped')
  expect(docker.said).toEqual(['pull base'])
})
