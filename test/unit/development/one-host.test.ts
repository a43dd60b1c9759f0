import { describe, expect, it } from 'vitest'
import { factsOf } from '../../../bundles/format/error.ts'
import { chooseHost } from '../../../installer/actions/one-host.ts'
import { run } from '../../../installer/cli/program.ts'
import type { Host } from '../../../installer/site/site.ts'
import { FakeIo } from '../render/fake-io.ts'

const host = (name: string): Host => ({ name, address: '10.0.0.7', port: 22, user: 'ops' })

describe('chooseHost', () => {
  it('takes the only one, or the one that is named', () => {
    expect(chooseHost([host('hub1')], undefined).name).toBe('hub1')
    expect(chooseHost([host('hub1'), host('hub2')], 'hub2').name).toBe('hub2')
  })

  it('asks for a name where there are several, and names the nearest for one that is not there', () => {
    for (const [on, next] of [
      [undefined, '--on hub1'],
      ['hub9', '--on hub1'],
    ] as const) {
      try {
        chooseHost([host('hub1'), host('hub2')], on)
        expect.unreachable()
      } catch (error) {
        expect(factsOf(error)).toMatchObject({
          code: 'host-choice',
          kind: 'usage',
          next: expect.stringContaining(next),
        })
      }
    }
  })
})

describe('commands that run something for a person', () => {
  it('say what they need before any host is reached', async () => {
    const io = new FakeIo()
    expect(await run(['dev', 'central-ledger', '.', '--debug', '0', '--host', 'local'], io)).toBe(2)
    expect(io.err).toMatch(/needed: a port/)
    expect(await run(['test', 'unit', '--path', '/nowhere'], io)).toBe(2)
    expect(io.err).toMatch(/\/nowhere is no checkout/)
  })

  it('end with the exit code of the tests', async () => {
    const { mkdtemp, mkdir, writeFile, rm } = await import('node:fs/promises')
    const { tmpdir } = await import('node:os')
    const { join } = await import('node:path')
    const folder = await mkdtemp(join(tmpdir(), 'mojabox-unit-tests-'))
    try {
      await mkdir(join(folder, 'node_modules'))
      const scripts = { 'test:unit': `echo 'ok 1 adds'; exit 42` }
      await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'some-service', scripts }))
      const io = new FakeIo({ env: process.env })
      const words = ['test', 'unit', '--path', folder, '--report', join(folder, 'out.xml')]
      expect(await run(words, io), io.err).toBe(42)
      // No test failed, the run did: the report must not look green.
      expect(io.err).toContain('1 passed, 1 failed')
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})
