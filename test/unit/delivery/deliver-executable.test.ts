import { spawn, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { zstdCompressSync } from 'node:zlib'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import { END_BYTES, encodeHeader, paddingBytes } from '../../../bundles/format/tar-header.ts'
import { deliverExecutable } from '../../../installer/delivery/deliver-executable.ts'
import type { Executable, Sendable } from '../../../installer/delivery/executable.ts'
import type { Connection } from '../../../installer/fleet/connection.ts'
import { connectLocal } from '../../../installer/fleet/local-connection.ts'
import { temporaryFolder } from '../engine/temporary-folder.ts'
import { asksDigest, FakeNode } from './fake-node.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('../engine/node-paths.ts')).pathsBelow())

const signal = new AbortController().signal
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
/** What a host keeps of one that came in part, one piece of it. */
const PIECE_BYTES = 1024 * 1024

const sendable = (bytes: Buffer): Sendable => ({
  sha256: sha256(bytes),
  sizeBytes: bytes.length,
  open: (offset) => Readable.from([bytes.subarray(offset)]),
})
const executableOf = (bytes: Buffer): Executable => ({ ...sendable(bytes), packed: undefined })

/** As a bundle has it. */
function packedTar(bytes: Buffer): Buffer {
  const end = Buffer.alloc(paddingBytes(bytes.length) + END_BYTES)
  return zstdCompressSync(Buffer.concat([encodeHeader('mojabox', bytes.length), bytes, end]))
}

describe('deliverExecutable', () => {
  const bytes = randomBytes(500_000)
  const plain = executableOf(bytes)
  const inTar = (tar: Buffer): Executable => ({ ...plain, packed: sendable(tar) })
  const folder = dirname(NODE_PATHS.executable)

  beforeEach(async () => {
    for (const path of [NODE_PATHS.root, NODE_PATHS.run]) await rm(path, { recursive: true, force: true })
  })

  it('puts it there, executable by all and writable by its owner alone', async () => {
    const told: number[] = []
    const sent = await deliverExecutable(connectLocal('n1'), plain, (done) => told.push(done), signal)
    expect(sent).toBe(true)
    expect((await readFile(NODE_PATHS.executable)).equals(bytes)).toBe(true)
    expect((await stat(NODE_PATHS.executable)).mode & 0o777).toBe(0o755)
    expect(told.at(-1)).toBe(bytes.length)
    expect(await readdir(folder)).toEqual(['mojabox'])
  })

  // With the dpkg of this machine, which need be no newer than Debian 12's.
  it('is sent packed to a host whose dpkg unpacks it', async () => {
    const [told, packed] = [[] as number[], packedTar(Buffer.alloc(500_000, 'all alike'))]
    const sha = sha256(Buffer.alloc(500_000, 'all alike'))
    const executable = { ...inTar(packed), sha256: sha, open: () => expect.unreachable('not packed') }
    await deliverExecutable(connectLocal('n1'), executable, (done) => told.push(done), signal)
    expect(sha256(await readFile(NODE_PATHS.executable))).toBe(sha)
    expect(told.at(-1)).toBeGreaterThan(packed.length)
    expect(told.at(-1)).toBeLessThan(packed.length + 3_000)
  })

  it('is sent as it is to a host whose dpkg names no zstd', async () => {
    const node = new FakeNode()
    node.answer = (argv) => (asksDigest(argv) ? { code: 1 } : undefined)
    await deliverExecutable(node.connect(), inTar(packedTar(bytes)), () => {}, signal)
    expect(node.executed.at(-1)?.input?.equals(bytes)).toBe(true)
  })

  describe('where another had begun', () => {
    const piece = join(NODE_PATHS.run, `${plain.sha256}.0`)
    const partial = (pid: number) => `${NODE_PATHS.executable}.${pid}.partial`

    /** A process with the words of one that receives, which waits for ever. */
    async function receiver(...words: string[]) {
      const child = spawn('setsid', ['sh', '-c', 'cat', 'sh', ...words], { stdio: 'pipe' })
      const ended = once(child, 'exit')
      onTestFinished(() => void child.kill())
      await delay(50)
      return { pid: child.pid ?? 0, ended }
    }

    async function begun(pid: number): Promise<void> {
      await mkdir(folder, { recursive: true })
      await mkdir(NODE_PATHS.run, { recursive: true })
      for (const path of [partial(pid), `${piece}.${pid}`]) await writeFile(path, 'half')
    }

    it('takes away what one left that is no more', async () => {
      await begun(spawnSync('true').pid)
      await deliverExecutable(connectLocal('n1'), plain, () => {}, signal)
      expect(await readdir(folder)).toEqual(['mojabox'])
      expect(await readdir(NODE_PATHS.run).catch(() => 'gone')).toBe('gone')
    })

    it('takes away the pieces of another version that nobody goes on with, and no others', async () => {
      const [old, recent] = ['0', '1'].map((digit) => join(NODE_PATHS.run, `${digit.repeat(64)}.0`))
      await mkdir(NODE_PATHS.run, { recursive: true })
      for (const path of [old, recent]) await writeFile(path ?? '', 'a piece')
      await utimes(old ?? '', new Date(), new Date(Date.now() - 2 * 3_600_000))
      await deliverExecutable(connectLocal('n1'), plain, () => {}, signal)
      expect(await readdir(NODE_PATHS.run)).toEqual([basename(recent ?? '')])
    })

    it('ends one that still waits for the same, on a dead line', async () => {
      const { pid, ended } = await receiver(NODE_PATHS.executable, join(NODE_PATHS.run, plain.sha256))
      await begun(pid)
      await deliverExecutable(connectLocal('n1'), plain, () => {}, signal)
      await ended
      expect(await readdir(folder)).toEqual(['mojabox'])
      expect(await readdir(NODE_PATHS.run).catch(() => 'gone')).toBe('gone')
    })

    it('lets one be that receives another version, and any other process', async () => {
      const { pid } = await receiver(NODE_PATHS.executable, join(NODE_PATHS.run, 'another'))
      await begun(pid)
      await writeFile(`${piece}.${process.pid}`, 'of a process whose number is another’s now')
      await deliverExecutable(connectLocal('n1'), plain, () => {}, signal)
      expect((await readdir(folder)).sort()).toEqual(['mojabox', basename(partial(pid))])
      expect((await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0')).toContain(NODE_PATHS.executable)
    })
  })

  it('sends nothing where the same is there', async () => {
    const told: number[] = []
    await deliverExecutable(connectLocal('n1'), plain, () => {}, signal)
    const again = await deliverExecutable(connectLocal('n1'), plain, (done) => told.push(done), signal)
    expect(again).toBe(false)
    expect(told).toEqual([])
  })

  it('leaves what was there when it arrives damaged, and nothing half-written', async () => {
    await mkdir(folder, { recursive: true })
    await writeFile(NODE_PATHS.executable, 'the last version')
    const broken = { ...plain, open: () => Readable.from([Buffer.alloc(bytes.length)]) }
    const error = await deliverExecutable(connectLocal('n1'), broken, () => {}, signal).catch((thrown) => thrown)
    expect(error.facts).toMatchObject({ code: 'executable-corrupt', kind: 'host' })
    expect(await readFile(NODE_PATHS.executable, 'utf8')).toBe('the last version')
    expect(await readdir(folder)).toEqual(['mojabox'])
    expect(await readdir(NODE_PATHS.run).catch(() => 'gone')).toBe('gone')
  })

  describe('of which a part came before the line broke', () => {
    const large = Buffer.concat([randomBytes(3 * PIECE_BYTES), Buffer.alloc(PIECE_BYTES / 2, 'x')])
    const cutAt = 2 * PIECE_BYTES + 1000

    it.each([
      ['as it is', large, (sent: Sendable): Executable => ({ ...sent, packed: undefined })],
      ['packed', packedTar(large), (sent: Sendable): Executable => ({ ...executableOf(large), packed: sent })],
    ])('sends the pieces that did not come, and no more (%s)', async (_how, travels, executable) => {
      const whole = executable(sendable(travels))
      const cut = (offset: number) => Readable.from([travels.subarray(offset, cutAt)])
      const broken = executable({ ...sendable(travels), open: cut })
      const failed = await deliverExecutable(connectLocal('n1'), broken, () => {}, signal).catch((thrown) => thrown)
      expect(failed.facts).toMatchObject({
        code: 'executable-not-sent',
        found: expect.stringContaining('only a part of it came'),
      })
      expect((await readdir(NODE_PATHS.run)).map((name) => name.slice(64)).sort()).toEqual(['.0', '.1'])
      expect((await stat(NODE_PATHS.run)).mode & 0o777).toBe(0o700)
      expect(await readdir(folder).catch(() => 'gone')).toBe('gone')

      const told: number[] = []
      await deliverExecutable(connectLocal('n1'), whole, (done) => told.push(done), signal)
      expect((await readFile(NODE_PATHS.executable)).equals(large)).toBe(true)
      expect(told[0]).toBeGreaterThanOrEqual(2 * PIECE_BYTES)
    })
  })

  describe('that was taken away again, as a check does', () => {
    let programs: string
    /** A systemd that notes what it is asked for. */
    beforeEach(async () => {
      programs = await temporaryFolder()
      for (const name of ['systemctl', 'systemd-run']) {
        const script = `#!/bin/sh\nfor word; do printf '%s\\0' "$word"; done > ${programs}/${name}.asked\n`
        await writeFile(join(programs, name), script, { mode: 0o755 })
      }
    })
    const host = (): Connection => {
      const local = connectLocal('n1')
      const path = `PATH=${programs}:/usr/sbin:/usr/bin:/sbin:/bin`
      return { ...local, exec: (argv, options) => local.exec(['env', path, ...argv], options) }
    }
    const asked = async (name: string) =>
      (await readFile(join(programs, `${name}.asked`), 'utf8')).split('\0').slice(0, -1)

    async function deliverTwice(executable: Executable): Promise<{ waits: number; secondBytes: number | undefined }> {
      await deliverExecutable(host(), executable, () => {}, signal)
      const waits = (await readdir(NODE_PATHS.run).catch(() => [])).length
      await rm(NODE_PATHS.root, { recursive: true })
      let secondBytes: number | undefined
      const note = (done: number): void => {
        secondBytes = done
      }
      expect(await deliverExecutable(host(), executable, note, signal)).toBe(true)
      expect((await readFile(NODE_PATHS.executable)).equals(bytes)).toBe(true)
      return { waits, secondBytes }
    }

    it('is not sent a second time: what came packed waits', async () => {
      expect(await deliverTwice(inTar(packedTar(bytes)))).toEqual({ waits: 1, secondBytes: undefined })
    })

    it('waits for an hour, counted from the last delivery; what came since then stays', async () => {
      await deliverExecutable(host(), inTar(packedTar(bytes)), () => {}, signal)
      expect(await asked('systemctl')).toEqual(['stop', 'mojabox-forget.timer'])
      const words = await asked('systemd-run')
      expect(words).toEqual(expect.arrayContaining(['--unit=mojabox-forget', '--on-active=60min']))
      const forget = () => {
        const { status } = spawnSync('sh', words.slice(words.indexOf('sh') + 1))
        expect(status).toBe(0)
      }
      forget()
      const [piece = ''] = await readdir(NODE_PATHS.run)
      const hourAgo = new Date(Date.now() - 3_600_000)
      await utimes(join(NODE_PATHS.run, piece), hourAgo, hourAgo)
      await writeFile(join(NODE_PATHS.run, `${'b'.repeat(64)}.0`), 'of a delivery that is on')
      forget()
      expect(await readdir(NODE_PATHS.run)).toEqual([`${'b'.repeat(64)}.0`])
      await rm(join(NODE_PATHS.run, `${'b'.repeat(64)}.0`))
      forget()
      expect(await readdir(NODE_PATHS.run).catch(() => 'gone')).toBe('gone')
    })

    it('waits for nobody where no systemd would take it away', async () => {
      await writeFile(join(programs, 'systemd-run'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
      const packed = packedTar(bytes)
      expect(await deliverTwice(inTar(packed))).toMatchObject({ waits: 0, secondBytes: expect.any(Number) })
    })

    it('waits for nobody as it is, in three times the memory', async () => {
      expect(await deliverTwice(plain)).toEqual({ waits: 0, secondBytes: bytes.length })
    })

    it('comes anew when what waited is damaged', async () => {
      const executable = inTar(packedTar(bytes))
      await deliverExecutable(host(), executable, () => {}, signal)
      await rm(NODE_PATHS.root, { recursive: true })
      for (const name of await readdir(NODE_PATHS.run)) await writeFile(join(NODE_PATHS.run, name), 'damaged')
      expect(await deliverExecutable(host(), executable, () => {}, signal)).toBe(true)
      expect((await readFile(NODE_PATHS.executable)).equals(bytes)).toBe(true)
    })
  })

  it('keeps nothing of what cannot be unpacked: the next one is taken', async () => {
    const large = randomBytes(5 * PIECE_BYTES)
    const tar = packedTar(large)
    const damaged = Buffer.concat([
      tar.subarray(0, 1.5 * PIECE_BYTES),
      Buffer.alloc(1000),
      tar.subarray(1.5 * PIECE_BYTES + 1000),
    ])
    // The frame of zstd that follows is none.
    const headless = Buffer.concat([Buffer.alloc(16), tar.subarray(16)])
    const send = (packed: Buffer) =>
      deliverExecutable(
        connectLocal('n1'),
        { ...executableOf(large), packed: { ...sendable(tar), open: sendable(packed).open } },
        () => {},
        signal,
      )
    for (const broken of [damaged, headless]) {
      const error = await send(broken).catch((thrown) => thrown)
      expect(error.facts).toMatchObject({ code: 'executable-corrupt', kind: 'bundle' })
      expect(await readdir(NODE_PATHS.run).catch(() => 'gone')).toBe('gone')
    }
    await send(tar)
    expect((await readFile(NODE_PATHS.executable)).equals(large)).toBe(true)
  })

  it('comes to its end at two desks that send it at once', async () => {
    const large = randomBytes(20 * PIECE_BYTES)
    const slowly = (pauseMs: number): Executable => ({
      ...executableOf(large),
      open: (offset) =>
        Readable.from(
          (async function* () {
            for (let at = offset; at < large.length; at += PIECE_BYTES / 4) {
              yield large.subarray(at, at + PIECE_BYTES / 4)
              await delay(pauseMs)
            }
          })(),
        ),
    })
    const send = (pauseMs: number) => deliverExecutable(connectLocal('n1'), slowly(pauseMs), () => {}, signal)
    await Promise.all([send(1), send(3), delay(40).then(() => send(2))])
    expect((await readFile(NODE_PATHS.executable)).equals(large)).toBe(true)
    expect(await readdir(folder)).toEqual(['mojabox'])
    expect(await readdir(NODE_PATHS.run).catch(() => [])).toEqual([])
  })

  it('takes of what unpacks to more than it says no more than that, and blames the bundle', async () => {
    const bomb = inTar(packedTar(Buffer.concat([randomBytes(4 * PIECE_BYTES), Buffer.alloc(300_000_000)])))
    let largest = 0
    const looking = setInterval(async () => {
      for (const name of await readdir(folder).catch(() => [])) {
        largest = Math.max(largest, (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0)
      }
    }, 5)
    const error = await deliverExecutable(connectLocal('n1'), bomb, () => {}, signal).catch((thrown) => thrown)
    clearInterval(looking)
    expect(error.facts).toMatchObject({ code: 'executable-corrupt', kind: 'bundle' })
    expect(largest).toBeLessThanOrEqual(bytes.length)
    expect(await stat(NODE_PATHS.root).catch(() => 'gone')).toBe('gone')
  })

  it('says what the host said when it cannot be put there', async () => {
    await mkdir(NODE_PATHS.root, { recursive: true })
    await writeFile(folder, 'a file in the way')
    const error = await deliverExecutable(connectLocal('n1'), plain, () => {}, signal).catch((thrown) => thrown)
    expect(error.facts.code).toBe('executable-not-sent')
    expect(error.facts.found).toMatch(/exists|directory/i)
    expect(error.facts.next).toContain('df -h')
  })

  it('hands path and digest over as words, never as shell', async () => {
    const node = new FakeNode()
    node.answer = (argv) => (asksDigest(argv) ? { code: 1 } : undefined)
    await deliverExecutable(node.connect(), plain, () => {}, signal)
    const call = node.executed.at(-1)
    expect(call?.argv.slice(0, 4)).toEqual(['setsid', '--wait', 'sh', '-c'])
    expect(call?.argv[4]).not.toContain(NODE_PATHS.executable)
    const pieces = [join(NODE_PATHS.run, plain.sha256), '1', String(bytes.length), '0']
    expect(call?.argv.slice(5)).toEqual(['sh', NODE_PATHS.executable, plain.sha256, String(bytes.length), ...pieces])
    expect(call?.input?.equals(bytes)).toBe(true)
  })
})
