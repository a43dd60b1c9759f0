import { type ChildProcess, spawn } from 'node:child_process'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import {
  clearPlaces,
  putBack,
  recoverPlaces,
  requireFreePlace,
  writeMark,
  writeOverride,
} from '../../../agent/development/place.ts'
import { FakeCommands } from '../engine/step-context.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('../engine/node-paths.ts')).pathsBelow())

const FOLDER = join(NODE_PATHS.root, 'development')
const children: ChildProcess[] = []
/** A process whose command line has these words. */
function processNamed(...words: string[]): number {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)', ...words], { stdio: 'ignore' })
  children.push(child)
  return child.pid ?? 0
}
const NOBODY = 4_194_304
async function marked(pid: number, watchPid = 0): Promise<void> {
  await writeOverride('central-ledger', 'services: {}')
  await writeMark({ service: 'central-ledger', checkout: '/src', pid, watchPid, folder: '/hub' })
}
const left = () => readdir(FOLDER).catch(() => [])

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await rm(FOLDER, { recursive: true, force: true })
})

describe('a checkout in a service’s place', () => {
  it('is put back by the hub’s own Compose file, waiting until healthy; its images and notes go', async () => {
    const docker = new FakeCommands()
    await marked(process.pid)
    await putBack(docker.run, { service: 'central-ledger', folder: '/hub' })
    expect(docker.lines[0]).toMatch(/-f \/hub\/compose\.yaml up .*--no-build .*--pull never --wait .* central-ledger$/)
    expect(docker.lines[0]).not.toContain('development')
    expect(docker.lines.slice(1)).toEqual([
      'docker image rm mojabox-development/central-ledger',
      'docker image prune --force --filter label=org.mojabox.development=central-ledger',
    ])
    expect(await left()).toEqual([])
  })

  it('is put back by the next command when its own was killed, and what still follows it is ended', async () => {
    const docker = new FakeCommands()
    const watch = processNamed('watch', 'central-ledger')
    const ended = new Promise((resolve) => children.at(-1)?.once('exit', (_, name) => resolve(name)))
    await marked(NOBODY, watch)
    expect(await recoverPlaces(docker.run)).toEqual(['central-ledger'])
    expect(docker.lines.some((line) => / up /.test(line))).toBe(true)
    expect(await ended).toBe('SIGKILL')
    expect(await recoverPlaces(docker.run)).toEqual([])
  })

  it('stays while its command lives, and nothing changes the hub meanwhile', async () => {
    const docker = new FakeCommands()
    await marked(processNamed('dev', 'central-ledger'))
    expect(await recoverPlaces(docker.run)).toEqual([])
    await expect(clearPlaces(docker.run)).rejects.toMatchObject({ facts: { code: 'development-on', kind: 'check' } })
    await expect(requireFreePlace('central-ledger')).rejects.toMatchObject({ facts: { code: 'development-on' } })
    await requireFreePlace('quoting-service')
    expect(docker.ran).toEqual([])
  })

  it('is not taken for alive when its process number belongs to another by now', async () => {
    await marked(processNamed('something', 'else'))
    expect(await recoverPlaces(new FakeCommands().run)).toEqual(['central-ledger'])
  })

  it('is forgotten, not put back, where the hub is about to be changed as a whole', async () => {
    const docker = new FakeCommands((argv) => (argv[1] === 'ps' ? 'its-container\n' : undefined))
    await marked(NOBODY)
    await clearPlaces(docker.run)
    expect(docker.lines.some((line) => / up /.test(line))).toBe(false)
    // The container first: an image in use stays.
    expect(docker.lines.filter((line) => / rm /.test(line))).toEqual([
      'docker rm --force its-container',
      'docker image rm mojabox-development/central-ledger',
    ])
    expect(await left()).toEqual([])
  })
})
