import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Connection } from '../../../installer/fleet/connection.ts'
import { glanceAt, readGlance } from '../../../installer/fleet/glance.ts'

const TOLD = 'memory 8000000000\nlimit max\ndisk 50000000000\ncores 4\nsystem Debian GNU/Linux 13 (trixie)\n'

describe('readGlance', () => {
  it('reads what a host tells', () => {
    expect(readGlance(TOLD)).toEqual({
      memoryBytes: 8e9,
      freeDiskBytes: 5e10,
      cores: 4,
      system: 'Debian GNU/Linux 13 (trixie)',
    })
  })

  it.each([
    ['limit 1000000000', 1e9],
    ['limit 9223372036854771712', 8e9],
    ['limit max', 8e9],
  ])('counts what a cgroup leaves of the memory (%s)', (limit, memoryBytes) => {
    expect(readGlance(TOLD.replace('limit max', limit)).memoryBytes).toBe(memoryBytes)
  })

  it('leaves open what a host does not tell, or tells in words of its own', () => {
    const nothing = { memoryBytes: null, freeDiskBytes: null, cores: null, system: null }
    expect(readGlance('')).toEqual(nothing)
    expect(readGlance('memory lots\ndisk -5\ncores \nsystem \nWelcome!\n')).toEqual(nothing)
  })
})

describe('glanceAt', () => {
  it('asks a shell like the ones hosts have', async () => {
    const connection = {
      exec: async ([command = '', ...args]: string[]) => ({
        code: 0,
        ...(await promisify(execFile)(command, args)),
      }),
    } as unknown as Connection
    const glance = await glanceAt(connection, new AbortController().signal)
    expect(glance.memoryBytes).toBeGreaterThan(1e8)
    expect(glance.freeDiskBytes).toBeGreaterThan(0)
    expect(glance.cores).toBeGreaterThan(0)
    expect(glance.system).toMatch(/\S/)
  })
})
