/**
 * Who may do what on a host: everything that mojabox puts there is its own and nobody else's to write, the agent has as
 * little as it needs, and a user of the host without rights can make neither engine nor agent do anything.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NODE_PATHS } from '../../agent/contract/paths.ts'
import { type LabNode, nodeExec } from '../lab/nodes.ts'
import type { RunResult } from '../lab/process.ts'
import { diffSnapshots, snapshotHost } from '../lab/snapshot.ts'
import { Desk } from './support/desk.ts'
import { expectDone } from './support/expectations.ts'
import { containersOn, filesOf } from './support/hub.ts'

const AGENT = 'mojabox-agent.service'
const NOBODY = 'nosudo'

describe('privileges', () => {
  let desk: Desk
  let host: LabNode
  /** What nosudo saw of the engine while it worked. */
  const atWork = { files: '', said: '' }

  beforeAll(async () => {
    desk = await Desk.open()
    host = await desk.host('privileges')
    const command = desk.start(['install', ...desk.flags(host), '--profile', 'payments'])
    await command.saw('step-started', ({ id }) => id === 'images')
    atWork.files = await on('find', NODE_PATHS.run, '-printf', '%M %u %g %p\\n')
    atWork.said = (await as(NOBODY, 'perl', '-e', CONNECT, NODE_PATHS.engineSocket)).stderr
    expectDone(await command.ended)
  })
  afterAll(() => desk?.close())

  const on = async (...argv: string[]) => (await nodeExec(host.name, argv)).stdout
  const as = (user: string, ...argv: string[]): Promise<RunResult> =>
    nodeExec(host.name, argv, { user, allowFailure: true, timeoutMs: 60_000 })
  const property = async (name: string) => (await on('systemctl', 'show', '--property', name, '--value', AGENT)).trim()

  describe('what lies on the host', () => {
    test('is root’s, the agent’s or its service’s, and nobody else may write it', async () => {
      const places = [NODE_PATHS.root, '/run/mojabox-agent', NODE_PATHS.agentUnit, NODE_PATHS.command]
      const found = parsed(await on('find', ...places, '-printf', '%y %m %u %g %p\\n'))
      expect(found.length).toBeGreaterThan(50)
      const strange = found.filter(({ type, mode }) => !['l', 's'].includes(type) && (mode & 0o022) !== 0)
      expect(strange).toEqual([])
      // Numbers are users of containers: their own configuration is theirs to read.
      const others = found.filter(({ user, path }) => {
        if (user === 'root') return false
        if (user === 'mojabox') return !path.startsWith(NODE_PATHS.reports) && !path.startsWith('/run/mojabox-agent')
        return !path.startsWith(`${NODE_PATHS.deployments}/`)
      })
      expect(others).toEqual([])
      expect(found.filter(({ mode }) => (mode & 0o7000) !== 0)).toEqual([])
      expect(found.filter(({ type }) => type === 's').map(({ path }) => path)).toEqual([NODE_PATHS.agentSocket])
      expect(found.filter(({ type }) => type === 'l').map(({ path }) => path)).toEqual([NODE_PATHS.command])
    })

    test('is for its reader alone where it is secret', async () => {
      const secret = [NODE_PATHS.secrets, NODE_PATHS.agentSecrets, NODE_PATHS.journal, NODE_PATHS.locks]
      const found = parsed(await on('find', ...secret, '-printf', '%y %m %u %g %p\\n'))
      const modes = new Map(found.map(({ path, mode, user }) => [path, `${mode.toString(8)} ${user}`]))
      expect(modes.get(NODE_PATHS.secrets)).toBe('700 root')
      expect(modes.get(NODE_PATHS.journal)).toBe('600 root')
      expect(modes.get(NODE_PATHS.locks)).toBe('700 mojabox')
      const files = found.filter(({ type, path }) => type === 'f' && path !== NODE_PATHS.journal)
      for (const { path } of files) {
        if (path.startsWith(NODE_PATHS.agentSecrets)) expect(modes.get(path), path).toBe('400 mojabox')
        else if (path.startsWith(NODE_PATHS.secrets)) expect(modes.get(path), path).toBe('600 root')
      }
      expect(files.length).toBeGreaterThan(5)
      const configured = parsed(await on('find', NODE_PATHS.deployments, '-type', 'f', '-printf', '%y %m %u %g %p\\n'))
      const read = configured.filter(({ user }) => user !== 'root')
      expect(read.length).toBeGreaterThan(0)
      expect(read.filter(({ mode }) => (mode & 0o077) !== 0)).toEqual([])
    })

    test('cannot be replaced by way of a folder above it', async () => {
      for (const path of [NODE_PATHS.executable, NODE_PATHS.command, NODE_PATHS.agentUnit]) {
        const names = path.split('/').slice(1)
        const above = names.map((_, depth) => `/${names.slice(0, depth).join('/')}`)
        const found = parsed(await on('stat', '--dereference', '--format=d %a %U %G %n', ...above))
        expect(found.filter(({ mode, user }) => user !== 'root' || (mode & 0o002) !== 0)).toEqual([])
      }
    })

    test('an engine at work listens for root alone', () => {
      expect(atWork.files).toMatch(
        /^drwx------ root root \/run\/mojabox\nsrw------- root root \/run\/mojabox\/engine\.sock\n$/,
      )
      expect(atWork.said).toContain('Permission denied')
    })
  })

  describe('the agent', () => {
    test('is no root, has no capability and can get none', async () => {
      expect(await property('User')).toBe('mojabox')
      expect(await property('NoNewPrivileges')).toBe('yes')
      expect(await property('CapabilityBoundingSet')).toBe('')
      expect(await property('AmbientCapabilities')).toBe('')
      expect(await property('ProtectSystem')).toBe('strict')
      const status = await on('cat', `/proc/${await property('MainPID')}/status`)
      expect([...status.matchAll(/^Cap\w+:\t0+$/gm)]).toHaveLength(5)
      expect(status).toMatch(/^NoNewPrivs:\t1$/m)
      expect(status).toMatch(/^Seccomp:\t2$/m)
      const uid = (await on('id', '-u', 'mojabox')).trim()
      expect(status).toMatch(new RegExp(`^Uid:\\t${uid}\\t${uid}\\t${uid}\\t${uid}$`, 'm'))
      expect(await on('getent', 'passwd', 'mojabox')).toMatch(/:\/nonexistent:\/usr\/sbin\/nologin$/m)
    })

    test('listens on the loopback only', async () => {
      const pid = await property('MainPID')
      const all = (await on('ss', '--listening', '--tcp', '--numeric', '--processes', '--no-header')).split('\n')
      const its = all.filter((line) => line.includes(`pid=${pid},`))
      expect(its.length).toBeGreaterThanOrEqual(2)
      for (const line of its) expect(line.trim().split(/\s+/)[3]).toMatch(/^127\.0\.0\.1:\d+$/)
    })
  })

  describe('a user without rights', () => {
    test('may write nothing of mojabox’s but a question into the agent’s socket', async () => {
      const places = ['/var/lib/mojabox', '/run/mojabox-agent', '/etc/systemd/system', '/usr/local/bin']
      const found = await as(NOBODY, 'find', ...places, '!', '-type', 'l', '-writable')
      expect(found.stdout.split('\n').filter(Boolean)).toEqual([NODE_PATHS.agentSocket])
    })

    test('gives no orders: of the engine, of the agent, of the page', async () => {
      const before = await everything()
      const orders: [string[], RegExp][] = [
        [['mojabox', 'node', 'attach', 'install'], /./],
        [
          ['systemd-run', '--quiet', '--collect', '--unit=mojabox-engine.service', 'true'],
          /authentication|denied|authorized|failed/i,
        ],
        [['systemctl', 'stop', AGENT], /authentication|denied|authorized|failed/i],
        [['mojabox', 'install', '--host', 'local', '--bundle', '/nonexistent'], /./],
        [['mojabox', 'uninstall', '--host', 'local', '--delete-data'], /./],
        [['mojabox', 'node', 'engine'], /./],
        [['mojabox', 'agent'], /./],
      ]
      for (const [argv, said] of orders) {
        const { exitCode, stderr, stdout } = await as(NOBODY, 'timeout', '40', ...argv)
        expect(exitCode, argv.join(' ')).not.toBe(0)
        expect(stderr + stdout, argv.join(' ')).toMatch(said)
      }
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
        const page = await as(
          NOBODY,
          'perl',
          '-e',
          ASK_TCP,
          '9470',
          `${method} /api/status HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n`,
        )
        expect(page.stdout).toMatch(/^HTTP\/1\.1 405 /)
      }
      for (const request of ['POST /status', 'GET /validate', 'DELETE /', 'POST /install']) {
        const socket = await as(NOBODY, 'perl', '-e', ASK_UNIX, NODE_PATHS.agentSocket, `${request} HTTP/1.0\r\n\r\n`)
        expect(socket.stdout, request).toMatch(/^HTTP\/1\.1 404 /)
      }
      const asked = await as(NOBODY, 'perl', '-e', ASK_UNIX, NODE_PATHS.agentSocket, 'GET /status HTTP/1.0\r\n\r\n')
      expect(asked.stdout).toMatch(/^HTTP\/1\.1 200 /)
      expect(await everything()).toEqual(before)
    })

    test('cannot keep validations waiting', async () => {
      const locks = `for file in ${NODE_PATHS.reports} ${NODE_PATHS.reports}/.l* ${NODE_PATHS.locks}/*; do (timeout 60 flock "$file" sleep 50 &) ; done; sleep 0.5`
      await as(NOBODY, 'sh', '-c', locks)
      const ended = await desk.run(['validate', ...desk.flags(host), '--level', 'services'])
      expectDone(ended)
      expect(ended.seconds).toBeLessThan(40)
    })

    test('gains nothing by links in the folders that all may write to', async () => {
      const plant = ['/tmp', '/var/tmp', '/dev/shm'].flatMap((folder) =>
        ['mojabox', 'mojabox.tmp', 'node-compile-cache', 'mojabox-engine', 'docker', 'compose'].map(
          (name) => `ln -sfn /etc ${folder}/${name}`,
        ),
      )
      await as(NOBODY, 'sh', '-c', plant.join('; '))
      const before = await snapshotHost(host.name)
      expectDone(await desk.run(['validate', ...desk.flags(host)]))
      expectDone(await desk.run(['install', ...desk.flags(host), '--profile', 'payments']))
      const changed = diffSnapshots(before, await snapshotHost(host.name)).filter((line) => line.startsWith('files: '))
      expect(changed.filter((line) => !line.includes(NODE_PATHS.reports))).toEqual([])
    })
  })

  /** What an order would change: containers, files, the agent itself. */
  async function everything(): Promise<unknown> {
    return [await containersOn(host.name), await filesOf(host.name), await property('MainPID')]
  }
})

/** Connects to a socket; says why not. */
const CONNECT = 'use IO::Socket::UNIX; IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "$!\\n"; print "connected\\n"'
const ASK_UNIX =
  'use IO::Socket::UNIX; $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "$!\\n"; print $s $ARGV[1]; print <$s>'
const ASK_TCP =
  'use IO::Socket::INET; $s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or die "$!\\n"; print $s $ARGV[1]; print <$s>'

interface Found {
  /** `f`, `d`, `l`, `s`. */
  type: string
  mode: number
  user: string
  group: string
  path: string
}

function parsed(text: string): Found[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [type = '', mode = '', user = '', group = '', ...path] = line.split(' ')
      return { type, mode: Number.parseInt(mode, 8), user, group, path: path.join(' ') }
    })
}
