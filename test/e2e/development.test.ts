/**
 * What a developer does with a hub that stands: reads its logs, runs commands in its services, works from the desk with
 * its database, Kafka and cache, resets its data, and runs a checkout in a service's place. One host, installed once.
 */
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { NODE_PATHS } from '../../agent/contract/paths.ts'
import { type LabNode, nodeExec } from '../lab/nodes.ts'
import {
  checkOutLedger,
  edit,
  LEDGER_CHECKOUT,
  ledgerHealthAtDesk,
  type RunningCheckout,
  runningCheckout,
} from '../lab/running-checkout.ts'
import { Desk } from './support/desk.ts'
import { EXIT, expectDone, expectRefused } from './support/expectations.ts'
import { dockerOn, participantsOn } from './support/hub.ts'
import { all, only } from './support/mojabox-process.ts'
import { startToolkitStandIn, stopToolkitStandIn } from './support/toolkit-stand-in.ts'

describe('developing against a hub', () => {
  let desk: Desk
  let host: LabNode
  let flags: string[] = []
  let password = ''

  beforeAll(async () => {
    desk = await Desk.open()
    host = await desk.host('dev')
    flags = desk.flags(host)
    expectDone(await desk.run(['install', ...flags]))
    password = (await nodeExec(host.name, ['cat', '/var/lib/mojabox/secrets/mysql-password'])).stdout.trim()
  })
  afterAll(() => desk?.close())
  beforeEach(({ skip }) => skip(password === '', 'there is no hub'))

  const plain = () => flags.filter((flag) => flag !== '--json')
  const ledgerImage = () =>
    dockerOn(host.name, 'ps', '--filter', 'name=mojabox-central-ledger-1', '--format', '{{.Image}} {{.Status}}')

  describe('logs', () => {
    test('tell what every service wrote, in order of time, without secrets', async () => {
      const ended = await desk.run(['logs', '--tail', '50', ...flags])
      expect(ended.code, ended.stderr).toBe(0)
      const lines = ended.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(new Set(lines.map(({ service }) => service))).toEqual(
        new Set(['central-ledger', 'central-ledger-handlers', 'central-ledger-migrator', 'kafka', 'mysql', 'redis']),
      )
      expect(lines.map(({ at }) => at)).toEqual(lines.map(({ at }) => at).toSorted())
      expect(ended.stdout).not.toContain(password)
    })

    test('blot a secret out that a service wrote', async () => {
      const url = `http://127.0.0.1:3001/participants/${password}`
      const ask = ['docker', 'exec', 'mojabox-central-ledger-1', 'wget', '-q', '-O', '-', url]
      await nodeExec(host.name, ask, { allowFailure: true })
      const { stdout } = await desk.run(['logs', 'central-ledger', '--tail', '20', ...plain()])
      expect(stdout).toContain('GET /participants/***')
      expect(stdout).not.toContain(password)
    })

    test('are followed until Ctrl-C, which is no failure', async () => {
      const following = desk.start(['logs', 'central-ledger', '--follow', '--tail', '0', ...flags])
      const seen = async () => {
        await participantsOn(host.name)
        return following.output.stdout
      }
      await expect.poll(seen, { timeout: 20_000, interval: 500 }).toContain('GET /participants')
      const [first = ''] = following.output.stdout.split('\n')
      expect(JSON.parse(first)).toMatchObject({ service: 'central-ledger', host: host.name })
      following.signal('SIGINT')
      expect((await following.ended).code).toBe(0)
      await expect.poll(() => processesOn('node logs'), { timeout: 10_000 }).toEqual([])
    })

    test('of a service that is not there name the nearest that is', async () => {
      const said = expectRefused(await desk.run(['logs', 'kafak', ...plain()]), EXIT.usage)
      expect(said).toMatch(/did you mean kafka\?/)
    })
  })

  describe('exec', () => {
    test('hands stdout, stderr and the exit code through', async () => {
      const words = ['exec', ...plain(), 'redis', '--', 'sh', '-c', 'redis-cli ping; echo "a  b" >&2; exit 9']
      expect(await desk.run(words)).toMatchObject({ code: 9, stdout: 'PONG\n', stderr: 'a  b\n' })
    })

    test('is interactive on a terminal', async () => {
      const words = ['exec', ...plain(), 'redis', '--', 'sh', '-c', 'tty; exit 7']
      const { exitCode, stdout } = await desk.onTerminal(words)
      expect(stdout).toContain('/dev/pts/')
      expect(exitCode).toBe(7)
    })

    test('says which services there are, and when nothing is installed', async () => {
      expectRefused(await desk.run(['exec', ...plain(), 'mysq', '--', 'ls']), EXIT.usage)
    })
  })

  describe('env', () => {
    test('lets the real central-ledger run at the desk, on the hub’s database, Kafka and cache', async () => {
      const output = join(desk.folder, 'ledger.json')
      const relays = desk.start(['env', 'central-ledger', '--forward', '--output', output, ...flags])
      await expect
        .poll(
          () =>
            stat(output).then(
              (found) => found.mode & 0o777,
              () => 0,
            ),
          { timeout: 20_000 },
        )
        .toBe(0o600)
      const health = await ledgerHealthAtDesk(output)
      expect(health).toMatchObject({ status: 'OK' })
      expect(health.services.map(({ name, status }) => `${name} ${status}`).sort()).toEqual([
        'broker OK',
        'datastore OK',
        'proxyCache OK',
      ])
      relays.signal('SIGINT')
      const ended = await relays.ended
      expect(ended.code).toBe(0)
      expect(ended.stdout + ended.stderr).not.toContain(password)
    })

    test('gives a shell variables that it can hold, and a private file with the rest', async () => {
      const ended = await desk.run(['env', 'central-ledger', ...plain()])
      expect(ended.code, ended.stderr).toBe(0)
      const path = /^export CLEDG_config=(.*)$/m.exec(ended.stdout)?.[1] ?? ''
      expect((await stat(path)).mode & 0o777).toBe(0o600)
      expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ DATABASE: { PASSWORD: password } })
    })

    test('of a service without a configuration that is known says what there is instead', async () => {
      expect(expectRefused(await desk.run(['env', 'mysql', ...plain()]), EXIT.usage)).toMatch(/next: +mojabox env/)
    })
  })

  describe('test', () => {
    test('runs integration tests with the hub’s variables; their exit code is the command’s', async () => {
      const checkout = join(desk.folder, 'checkout')
      await mkdir(join(checkout, 'node_modules'), { recursive: true })
      const scripts = { 'test:int': 'node test.js' }
      await writeFile(
        join(checkout, 'package.json'),
        JSON.stringify({ name: 'central-ledger', version: '1.0.0', scripts }),
      )
      await writeFile(
        join(checkout, 'test.js'),
        `const { DATABASE } = JSON.parse(require('node:fs').readFileSync(process.env.CLEDG_config, 'utf8'))
        require('node:net').connect(DATABASE.PORT, DATABASE.HOST).once('data', (greeting) => {
          console.log('# database\\n' + (greeting.includes('mysql') || greeting.length > 20 ? 'ok' : 'not ok') + ' 1 greets')
          console.log('not ok 2 fails on purpose')
          process.exit(5)
        })`,
      )
      const results = join(desk.folder, 'results')
      const ended = await desk.run(['test', 'integration', ...plain(), '--path', checkout, '--report', results])
      expect(ended.code, ended.stderr).toBe(5)
      expect(ended.stderr).toContain('1 passed, 1 failed')
      expect(await readFile(join(results, 'junit.xml'), 'utf8')).toMatch(/tests="2"[^>]*failures="1"/)
      expect(await readFile(join(results, 'report.html'), 'utf8')).toContain('database: fails on purpose')
    })

    test('refuses a checkout of another service', async () => {
      const checkout = join(desk.folder, 'checkout')
      const words = ['test', 'integration', 'kafka', ...plain(), '--path', checkout]
      expectRefused(await desk.run(words), EXIT.usage)
    })
  })

  describe('test e2e', () => {
    const collections = () => join(desk.folder, 'toolkit', 'collections')
    /** As an install leaves them that had a bundle with test files. */
    const ownCollections = async (collection: string) => {
      const folder = `${NODE_PATHS.deployments}/core-test-harness/test-files`
      const script = `mkdir -p ${folder}/collections/tests ${folder}/environments
        echo '{"inputValues":{}}' > ${folder}/environments/default-env.json
        cat > ${folder}/collections/tests/p2p.json`
      await nodeExec(host.name, ['sh', '-euc', script], { input: collection })
    }
    const e2e = (...words: string[]) => desk.run(['test', 'e2e', ...plain(), '--collections', collections(), ...words])
    beforeAll(async () => {
      await mkdir(join(collections(), 'tests'), { recursive: true })
      await mkdir(join(desk.folder, 'toolkit', 'environments'))
      await writeFile(join(desk.folder, 'toolkit', 'environments', 'default-env.json'), '{"inputValues":{}}')
      const request = { description: 'transfer', tests: { assertions: [{ id: 1, description: 'commits' }] } }
      const collection = { name: 'p2p', test_cases: [{ id: 1, name: 'p2p', requests: [request] }] }
      await writeFile(join(collections(), 'tests', 'p2p.json'), JSON.stringify(collection))
    })

    test('says which profile has the testing toolkit where there is none', async () => {
      expect(expectRefused(await e2e(), EXIT.check)).toMatch(
        /found: +profile central-ledger: no mojaloop-testing-toolkit/,
      )
    })

    test('reads the collections first: a bad one is named with its position, and nothing is run', async () => {
      await writeFile(join(collections(), 'tests', 'bad.json'), '{ "test_cases": [\n  }')
      const said = expectRefused(await e2e(), EXIT.usage)
      expect(said).toMatch(/tests\/bad\.json[\s\S]*line 2, column 3/)
      await rm(join(collections(), 'tests', 'bad.json'))
    })

    test('runs the toolkit’s client (a stand-in): its report is kept, its exit code is the command’s', async () => {
      await startToolkitStandIn(host.name)
      try {
        const results = join(desk.folder, 'e2e-results')
        const passed = await e2e('--report', results)
        expect(passed.code, passed.stderr).toBe(0)
        expect(await readFile(join(results, 'junit.xml'), 'utf8')).toMatch(
          /classname="p2p (>|&gt;) transfer" name="commits"/,
        )
        const failed = await e2e('--labels', 'fail', '--report', results)
        expect(failed.code, failed.stderr).toBe(1)
        expect(await readFile(join(results, 'report.html'), 'utf8')).toContain('p2p &gt; transfer: commits')
        const none = { name: 'none', test_cases: [] }
        await writeFile(join(collections(), 'tests', 'none.json'), JSON.stringify(none))
        expect(expectRefused(await e2e('tests/none.json'), EXIT.usage)).toMatch(/no test was run/)
        await ownCollections(await readFile(join(collections(), 'tests', 'p2p.json'), 'utf8'))
        const own = await desk.run(['test', 'e2e', ...plain()])
        expect(own.code, own.stderr).toBe(0)
        expect(own.stdout).toContain('1 cases')
        const unknown = await desk.run(['test', 'e2e', 'test', ...plain()])
        expect(expectRefused(unknown, EXIT.usage)).toMatch(/did you mean tests\?/)
      } finally {
        await stopToolkitStandIn(host.name)
      }
    })
  })

  describe('dev', () => {
    let last: RunningCheckout | undefined
    const dev = async (...words: string[]) => {
      last = await runningCheckout(host.name, words)
      return last
    }
    const crash = async (running: RunningCheckout) => {
      const pid = 'sed "s/.*\\"pid\\":\\([0-9]*\\).*/\\1/" /var/lib/mojabox/development/central-ledger.json'
      await nodeExec(host.name, ['sh', '-euc', `kill -9 $(${pid})`])
      await running.ended
    }
    // A test that failed in the middle must not leave its checkout to the next.
    afterEach(() => last?.stop())
    beforeAll(() => checkOutLedger(host.name))

    test('runs a checkout in the service’s place: an edit is running seconds later; Ctrl-C puts the release back', async () => {
      const running = await dev('central-ledger', LEDGER_CHECKOUT, '--debug', '9301')
      await running.saw('is followed')
      expect(await ledgerImage()).toContain('mojabox-development/central-ledger')
      const { savedAtMs, ranAtMs } = await edit(host.name, running)
      const seconds = (ranAtMs - savedAtMs) / 1000
      process.stdout.write(`  edit to running: ${seconds.toFixed(2)} s\n`)
      expect(seconds).toBeLessThan(15)
      const debuggerSays = `exec 3<>/dev/tcp/127.0.0.1/9301; printf 'GET /json/version HTTP/1.0\\r\\nHost: 127.0.0.1\\r\\n\\r\\n' >&3; timeout 2 cat <&3`
      await expect
        .poll(async () => (await nodeExec(host.name, ['bash', '-c', debuggerSays], { allowFailure: true })).stdout, {
          timeout: 20_000,
        })
        .toContain('Protocol-Version')
      expect(await running.interrupt(), running.words()).toBe(0)
      expect(await ledgerImage()).toMatch(/^mojaloop\/central-ledger:v19\.5\.5 Up .*\(healthy\)/)
      expect(await dockerOn(host.name, 'image', 'ls', '--quiet', 'mojabox-development/central-ledger')).toBe('')
    })

    test('after a crash the next command puts the release back', async () => {
      const running = await dev('central-ledger', LEDGER_CHECKOUT)
      await running.saw('is followed')
      const refused = expectRefused(await desk.run(['install', ...plain()]), EXIT.check)
      expect(refused).toMatch(/a checkout runs in the place of central-ledger/)
      await crash(running)
      expect(await ledgerImage()).toContain('mojabox-development/central-ledger')
      expect((await desk.run(['exec', ...plain(), 'redis', '--', 'true'])).code).toBe(0)
      expect(await ledgerImage()).toMatch(/^mojaloop\/central-ledger:v19\.5\.5 Up .*\(healthy\)/)
      expect(await processesOn('compose.*watch')).toEqual([])
    })

    test('after a crash an install puts the release back, and leaves nothing of the checkout', async () => {
      const running = await dev('central-ledger', LEDGER_CHECKOUT)
      await running.saw('is followed')
      await crash(running)
      expectDone(await desk.run(['install', ...flags]))
      expect(await ledgerImage()).toMatch(/^mojaloop\/central-ledger:v19\.5\.5 Up .*\(healthy\)/)
      expect(await dockerOn(host.name, 'image', 'ls', '--quiet', 'mojabox-development/central-ledger')).toBe('')
      expect(await processesOn('compose.*watch')).toEqual([])
    })

    test('refuses the checkout of another service, and one whose dependencies cannot be had; the hub stays', async () => {
      const package_ = `${LEDGER_CHECKOUT}/package.json`
      const replaced = async (expression: string) => {
        await nodeExec(host.name, [
          'sh',
          '-euc',
          `cp ${package_} /tmp/package.json; sed -i '${expression}' ${package_}`,
        ])
        const running = await dev('central-ledger', LEDGER_CHECKOUT)
        const code = await running.ended
        await nodeExec(host.name, ['cp', '/tmp/package.json', package_])
        return { code, said: running.words() }
      }
      const other = await replaced('s#"@mojaloop/central-ledger"#"quoting-service"#')
      expect(other.code, other.said).toBe(EXIT.usage)
      expect(other.said).toMatch(
        /found: +package quoting-service 19\.5\.5[\s\S]*needed: +package @mojaloop\/central-ledger/,
      )
      const lacking = await replaced('s#"ajv": ".*"#"ajv": "99.0.0"#')
      expect(lacking.code, lacking.said).toBe(EXIT.check)
      expect(lacking.said).toMatch(/found: +ajv 99\.0\.0 \(the image has 8\.\d+\.\d+\)/)
      expect(await ledgerImage()).toMatch(/^mojaloop\/central-ledger:v19\.5\.5 Up .*\(healthy\)/)
    })

    test('says for a host elsewhere where it works', async () => {
      const said = expectRefused(await desk.run(['dev', ...plain(), 'central-ledger', desk.folder]), EXIT.usage)
      expect(said).toMatch(/mojabox env central-ledger --forward/)
    })
  })

  describe('reset-data', () => {
    const addParticipant = () =>
      nodeExec(host.name, [
        'docker',
        'exec',
        'mojabox-central-ledger-1',
        'node',
        '-e',
        `fetch('http://127.0.0.1:3001/participants', { method: 'POST', headers: { 'content-type': 'application/json' },
          body: '{"name":"somedfsp","currency":"USD"}' }).then((answer) => process.exit(answer.status === 201 ? 0 : 1))`,
      ])
    const names = async () => (await participantsOn(host.name)).map(({ name }) => name).sort()

    test('does nothing without a yes', async () => {
      await addParticipant()
      expect(expectRefused(await desk.run(['reset-data', ...plain()]), EXIT.usage)).toMatch(
        /next: +mojabox reset-data --yes/,
      )
      expect(await names()).toContain('somedfsp')
    })

    test('brings the hub as freshly installed, and proves it', async () => {
      const ended = await desk.run(['reset-data', '--yes', ...flags])
      expectDone(ended)
      expect(only(ended, 'report').report.passed).toBe(true)
      expect(await names()).toEqual(['Hub', 'mojaboxpayee', 'mojaboxpayer'])
    })

    test('cut in the middle, the same command again ends in the same state', async () => {
      await addParticipant()
      const cut = desk.start(['reset-data', '--yes', ...flags])
      await cut.saw('step-done', ({ id }) => id === 'reset-data')
      await nodeExec(host.name, ['systemctl', 'kill', '--signal=KILL', 'mojabox-engine.service'])
      cut.signal('SIGKILL')
      await cut.ended
      expectDone(await desk.run(['reset-data', '--yes', ...flags]))
      expect(await names()).toEqual(['Hub', 'mojaboxpayee', 'mojaboxpayer'])
      const again = await desk.run(['install', ...flags])
      expectDone(again)
      expect(all(again.events, 'step-done').filter(({ changed }) => changed)).toEqual([])
    })
  })

  test('the database’s password was told only where it was asked for', async () => {
    const told = desk.heard.filter((text) => text.includes(password))
    expect(told.every((text) => text.includes('export CLEDG_DATABASE__PASSWORD='))).toBe(true)
  })

  async function processesOn(pattern: string): Promise<string[]> {
    const { stdout } = await nodeExec(host.name, ['pgrep', '--full', '--list-full', pattern], { allowFailure: true })
    return stdout.split('\n').filter((line) => line !== '' && !line.includes('pgrep'))
  }
})
