import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readOverrides } from '../../../installer/site/compose-overrides.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mojabox-overrides-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function write(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text)
  return join(folder, name)
}

it('reads the files in their order, anchors resolved', async () => {
  const one = await write('one.yaml', 'x-a: &a { A: "1" }\nservices: { redis: { environment: { <<: *a } } }\n')
  const two = await write('two.yaml', 'services: {}\n')
  expect(await readOverrides([one, two])).toEqual([
    { file: 'one.yaml', content: { 'x-a': { A: '1' }, services: { redis: { environment: { A: '1' } } } } },
    { file: 'two.yaml', content: { services: {} } },
  ])
})

it.each([
  ['one that is not there', 'none.yaml', undefined, /none\.yaml: no such file/],
  ['one that is no YAML, with line and column', 'torn.yaml', 'services: [\n  a\n', /torn\.yaml:\d+:\d+/],
  ['one that is a list', 'list.yaml', '- a\n', /a list/],
])('refuses %s', async (_, name, text, message) => {
  const path = text === undefined ? join(folder, name) : await write(name, text)
  await expect(readOverrides([path])).rejects.toMatchObject({
    facts: { code: 'override-unreadable', kind: 'usage', message: expect.stringMatching(message) },
  })
})
