/**
 * `mojabox` without a word, as a person meets it: on a real terminal, with arrows, Enter, Esc and Ctrl-C; on terminals
 * that can do less; and all the way to a hub that was proven.
 */
import { copyFile, link, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { signaturePath } from '../../bundles/format/signature.ts'
import { planText } from '../../installer/render/wizard-text.ts'
import { TRUSTED_KEY } from '../../scripts/lab/artifacts.ts'
import { type LabNode, nodeExec } from '../lab/nodes.ts'
import { plugStick, STICK, STICK_SITE, wizardFromStick } from '../lab/stick.ts'
import { Terminal, type TerminalOptions } from '../lab/terminal.ts'
import { bundle, Desk, executable } from './support/desk.ts'
import { installDockerByHand, runOwnContainer } from './support/docker-by-hand.ts'
import { EXIT, expectDone } from './support/expectations.ts'
import { containersOn, dockerOn } from './support/hub.ts'
import { all, only } from './support/mojabox-process.ts'

const PASSWORD = 'correct horse; "battery" $taple'
const INSTALL_MS = 5 * 60_000

describe('the wizard', () => {
  let desk: Desk
  let terminals: Terminal[] = []
  /** A folder with the bundle in it, empty of answers. */
  let folder: string

  beforeAll(async () => {
    desk = await Desk.open()
  })
  afterAll(() => desk?.close())
  beforeEach(async () => {
    folder = join(desk.folder, 'site')
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder)
    // The same file under another name: a copy would take room and time.
    await link(bundle, join(folder, 'hub.tar')).catch(() => copyFile(bundle, join(folder, 'hub.tar')))
    await copyFile(signaturePath(bundle), join(folder, 'hub.tar.sig'))
  })
  afterEach(async () => {
    for (const terminal of terminals) await terminal.close()
    terminals = []
  })

  async function wizard(options: Partial<TerminalOptions> = {}): Promise<Terminal> {
    const env = { HOME: join(desk.folder, 'home'), MOJABOX_CACHE: join(desk.folder, 'cache'), ...options.env }
    const terminal = await Terminal.open([executable], { cwd: folder, ...options, env })
    terminals.push(terminal)
    return terminal
  }
  const answersPath = () => join(folder, '.mojabox', 'wizard.json')
  const answers = async () => JSON.parse(await readFile(answersPath(), 'utf8')).answers
  const siteText = () => readFile(join(folder, 'mojabox.yaml'), 'utf8')

  describe('on terminals of all kinds', () => {
    test('without a terminal there is help, exit code 2, and no question', async () => {
      const { code, stdout, stderr } = await desk.run([])
      expect(code).toBe(EXIT.usage)
      expect(stdout).toBe('')
      expect(stderr).toMatch(/^Usage: mojabox/)
      expect(stderr).not.toContain('Where shall')
    })

    test('with a terminal for the words but none for the answers there is help as well', async () => {
      const terminal = await Terminal.open(['sh', '-c', '"$0" < /dev/null', executable], { cwd: folder })
      terminals.push(terminal)
      expect(await terminal.ended()).toBe(EXIT.usage)
      expect(await terminal.everything()).toContain('Usage: mojabox')
    })

    test('one that is too small is told what is needed, and what to type', async () => {
      const terminal = await wizard({ columns: 50, rows: 12 })
      expect(await terminal.ended()).toBe(EXIT.usage)
      const words = await terminal.everything()
      expect(words).toMatch(/found: +50 columns by 12 rows/)
      expect(words).toMatch(/needed: +60 columns by 16 rows/)
      expect(words).toContain('mojabox install --help')
    })

    test('one that is made too small meanwhile ends it, and the answers are kept', async () => {
      const terminal = await wizard()
      await terminal.choose('On this machine')
      await terminal.asks('What is the hub for?')
      await terminal.resize(50, 12)
      await terminal.press('Enter')
      expect(await terminal.ended()).toBe(EXIT.usage)
      expect(await answers()).toMatchObject({ where: 'here', purpose: 'evaluate' })
    })

    test.each([
      ['80 columns by 24 rows', 80, 24],
      ['the smallest', 60, 16],
    ])('on %s every line fits, and each question can be seen whole', async (_name, columns, rows) => {
      const terminal = await wizard({ columns, rows })
      await terminal.asks('Where shall the hub run?')
      await terminal.choose('On this machine')
      for (const [question, keys] of QUESTIONS) {
        const screen = await terminal.asks(question)
        expect(screen).toContain(question)
        expect(screen).toMatch(/Ctrl-C stops$/)
        await terminal.press(keys)
      }
      const broken = (await terminal.everything()).split('\n').filter((line) => line.length > columns)
      expect(broken).toEqual([])
    })

    test('a question stands whole after the terminal has changed its size, and what was typed is kept', async () => {
      const terminal = await wizard({ columns: 100, rows: 30 })
      await terminal.choose('On other machines, over SSH')
      await terminal.asks('Which host?')
      await terminal.type('ops@10.77.0.')
      await terminal.shows('ops@10.77.0.')
      await terminal.resize(70, 20)
      await terminal.shows(/Which host\?[^\n]*ops@10\.77\.0\.$/m)
      await terminal.type('x y')
      await terminal.press('Enter')
      await terminal.shows('ops@10.77.0.x y')
    })

    test('without colour none is sent', async () => {
      const terminal = await wizard({ env: { NO_COLOR: '1' } })
      await terminal.choose('On this machine')
      await terminal.asks('What is the hub for?')
      expect(colours(await terminal.raw())).toEqual([])
    })

    test('with colour some is: the test before looks at something', async () => {
      const terminal = await wizard()
      await terminal.asks('Where shall the hub run?')
      expect(colours(await terminal.raw())).not.toEqual([])
    })

    test('without Unicode nothing but ASCII is sent', async () => {
      const terminal = await wizard({ env: { LANG: 'C' } })
      await terminal.choose('On other machines, over SSH')
      await terminal.asks('Which host?')
      await terminal.type('nobody@127.0.0.1:9')
      await terminal.press('Enter')
      await terminal.asks('What about nobody@127.0.0.1:9?')
      expect(notAscii(await terminal.raw())).toEqual([])
    })

    test('one that cannot move its cursor gets lines only, and numbers for answers', async () => {
      const terminal = await wizard({ env: { TERM: 'dumb' } })
      await terminal.shows('Number (1)>')
      await terminal.type('7\n')
      await terminal.shows('needed a number from 1 to 2')
      await terminal.type('2\n')
      await terminal.asks('Which host?')
      await terminal.type('<\n')
      await terminal.shows(/Number \(2\)>/)
      await terminal.type('1\n')
      await terminal.asks('What is the hub for?')
      const raw = (await terminal.raw()).slice((await terminal.raw()).indexOf('mojabox 0'))
      expect(colours(raw)).toEqual([])
      expect(notAscii(raw)).toEqual([])
      expect(raw).not.toContain('\u001b')
      await terminal.press('C-c')
      expect(await terminal.ended()).toBe(EXIT.interrupted)
      expect(await answers()).toMatchObject({ where: 'here' })
    })
  })

  describe('forward and back', () => {
    test('Esc, Back and < lead to the question before', async () => {
      const terminal = await wizard()
      await terminal.choose('On other machines, over SSH')
      await terminal.asks('Which host?')
      await terminal.type('<')
      await terminal.press('Enter')
      await terminal.choose('On this machine')
      await terminal.choose('Run CI')
      await terminal.asks('Which profile?')
      await terminal.press('Escape')
      await terminal.asks('What is the hub for?')
      await terminal.choose('Back')
      const screen = await terminal.asks('Where shall the hub run?')
      // What was left for another question is gone from the screen.
      expect(screen).not.toContain('❯ Run CI')
    })

    test('Ctrl-C before the first answer keeps nothing and says so of nothing', async () => {
      const terminal = await wizard()
      await terminal.asks('Where shall the hub run?')
      await terminal.press('C-c')
      expect(await terminal.ended()).toBe(EXIT.interrupted)
      expect(await terminal.everything()).not.toMatch(/interrupted; the answers are kept|wizard\.json/)
    })

    test('Ctrl-C keeps the answers, for their owner only, and the next run offers them', async () => {
      const first = await wizard()
      await first.choose('On this machine')
      await first.choose('Run CI')
      await first.asks('Which profile?')
      await first.press('C-c')
      expect(await first.ended()).toBe(EXIT.interrupted)
      expect(await first.everything()).toMatch(/interrupted; the answers are kept[\s\S]*next: +mojabox/)
      expect((await stat(answersPath())).mode & 0o777).toBe(0o600)

      const second = await wizard()
      await second.shows(/answers of [\d-]+ [\d:]+ \(UTC\) are offered again/)
      await second.shows('❯ On this machine')
      await second.press('Enter')
      await second.shows('❯ Run CI')
      await second.press('Enter')
      await second.shows('❯ central-ledger')
    })

    test('a bundle that is damaged is named with the reason, and the whole one is offered', async () => {
      await writeFile(join(folder, 'half.tar'), Buffer.alloc(5_000, 'x'))
      const terminal = await wizard()
      await terminal.choose('On this machine')
      await terminal.shows(/Left aside: \S*half\.tar/)
      await terminal.choose('Run CI')
      await terminal.choose('central-ledger')
      const screen = await terminal.asks('Which bundle?')
      expect(screen).toContain('❯ hub.tar: version')
    })

    test('without any bundle its file is asked for; a file that is none is refused with what was found', async () => {
      await rm(join(folder, 'hub.tar'))
      const terminal = await wizard()
      await terminal.choose('On this machine')
      await terminal.asks('Which bundle? Its file:')
      await terminal.type('nowhere.tar')
      await terminal.press('Enter')
      await terminal.shows(/found: +no such file/)
      await terminal.press('Tab')
      await terminal.shows(/Its file:.*nowhere\.tar/)
      await terminal.press('C-u')
      await terminal.type(bundle)
      await terminal.press('Enter')
      await terminal.asks('What is the hub for?')
    })

    test('a host that refuses says what was found and needed, and what was typed can be corrected', async () => {
      const terminal = await wizard()
      await terminal.choose('On other machines, over SSH')
      await terminal.asks('Which host?')
      await terminal.type('nobody@127.0.0.1:9')
      await terminal.press('Enter')
      const screen = await terminal.asks('What about nobody@127.0.0.1:9?')
      expect(screen).toMatch(/refused the connection[\s\S]*found: [\s\S]*needed: [\s\S]*next: /)
      await terminal.choose('Correct its user')
      await terminal.shows(/Which host\?.*\(nobody@127\.0\.0\.1:9\)/)
    })
  })

  describe('on hosts', () => {
    let host: LabNode
    let small: LabNode
    beforeAll(async () => {
      ;[host, small] = await Promise.all([
        desk.host('wizard', { sudoPassword: PASSWORD }),
        desk.host('wizard-small', { memoryBytes: 1_000_000_000 }),
      ])
    })

    test('from nothing to a proven hub, over a refusal, a small host and a port that is held', async () => {
      const terminal = await wizard()
      await terminal.choose('On other machines, over SSH')
      await terminal.asks('Which host?')
      await terminal.type(`sudoer@${host.ip}`)
      await terminal.press('Enter')

      // The key that this desk has lies elsewhere, and the password is wrong.
      await terminal.asks(`${host.ip} is new here`)
      await terminal.choose('Yes, remember it')
      await terminal.asks(`Password of sudoer@${host.ip}`)
      await terminal.type('wrong')
      await terminal.press('Enter')
      await terminal.shows('does not let us in')
      await terminal.choose('Log in with another private key')
      await terminal.asks('Which private key')
      await terminal.type(desk.key.privateKeyPath)
      await terminal.press('Enter')
      await terminal.asks('Sudo password of sudoer')
      expect(await terminal.screen()).not.toContain('choose')
      await terminal.type(PASSWORD)
      await terminal.press('Enter')

      // A second host, which turns out to be too small.
      await terminal.shows(/memory [\d.]+ GiB, free disk [\d.]+ GB/)
      await terminal.choose('Name another host')
      await terminal.asks('Which other host?')
      await terminal.type(`root@${small.ip}`)
      await terminal.press('Enter')
      await terminal.asks(`${small.ip} is new here`)
      await terminal.choose('Yes, remember it')
      await terminal.shows('does not let us in')
      await terminal.choose('Log in with another private key')
      await terminal.asks('Which private key')
      await terminal.type(desk.key.privateKeyPath)
      await terminal.press('Enter')
      await terminal.choose('Yes, these 2 hosts')
      await terminal.choose('Run CI')
      await terminal.choose('central-ledger')
      const screen = await terminal.shows('too little for the profile central-ledger')
      expect(screen).toMatch(/found: +953 MiB of memory\n +needed: +1\.7 GiB of memory\n +next: /)
      await terminal.press('Escape')
      await terminal.asks('What is the hub for?')
      await terminal.press('Escape')
      await terminal.choose(`Leave out root@${small.ip}`)

      // A port that something else holds.
      await nodeExec(host.name, ['systemd-run', '--unit=holder', 'perl', '-MIO::Socket', '-e', HOLD_PORT])
      await terminal.choose('Yes, this one host')
      await terminal.choose('Run CI')
      await terminal.choose('central-ledger')
      await terminal.choose('hub.tar')

      // The key of somebody else, and then of who signed the bundle.
      await desk.run(['bundle', 'keygen', 'stranger'])
      await terminal.choose('Yes, if the key that I name signed it')
      await terminal.asks('Which public key?')
      await terminal.type(join(desk.folder, 'stranger.pub'))
      await terminal.press('Enter')
      await terminal.shows(/nobody who is trusted signed[\s\S]*found: +signed by [0-9a-f]{16}/)
      await terminal.asks('Which public key?')
      await terminal.type(TRUSTED_KEY)
      await terminal.press('Enter')
      const refused = await terminal.asks('What now?', 60_000)
      expect(refused).toMatch(
        /Free ports\n +found: +3001 \(central-ledger\) is held by perl[\s\S]*needed: [\s\S]*next: /,
      )
      await terminal.choose('Give the hub other ports')
      await terminal.asks('Which ports?')
      await terminal.type('central-ledger=23001')
      await terminal.press('Enter')
      await terminal.asks('Shall this be done?', 60_000)
      await nodeExec(host.name, ['systemctl', 'stop', 'holder'])
      expect(await answers()).toMatchObject({ profile: 'central-ledger', ports: { 'central-ledger': 23001 } })
      const planned = await terminal.everything()
      await terminal.choose('Not now: only write mojabox.yaml')
      expect(await terminal.ended()).toBe(EXIT.done)
      expect(await terminal.everything()).toContain('mojabox install -f mojabox.yaml')
      expect(await siteText()).toContain('central-ledger: 23001')

      // The file gives the plan that was shown, word by word.
      const options = ['-f', join(folder, 'mojabox.yaml'), '--sudo-password', 'env:SITE_SUDO', '--json']
      const ended = await desk.run(['plan', ...options], { env: { SITE_SUDO: PASSWORD } })
      expectDone(ended)
      const { steps, host: name } = only(ended, 'plan')
      const checks = all(ended.events, 'check').map(({ result }) => result)
      const look = {
        unicode: true,
        marks: { pass: '✓', warn: '!', fail: '✗', skip: '-' },
        paint: (_tone: string, text: string) => text,
      }
      const words = planText({ host: name, checks, steps }, look, 80).split('\n')
      for (const line of words.filter((text) => !text.includes('free on'))) expect(planned).toContain(line)

      // And in the end what was asked for, from the file that is there.
      const again = await wizard()
      await again.choose('Start from it')
      await again.choose('On other machines, over SSH')
      await again.choose('Yes, this one host')
      await again.asks('Sudo password of sudoer')
      await again.type(PASSWORD)
      await again.press('Enter')
      await again.choose('Run CI')
      await again.choose('central-ledger')
      await again.choose('hub.tar')
      await again.choose('Yes, install')
      await again.shows('Type next:', INSTALL_MS)
      expect(await again.ended()).toBe(EXIT.done)
      const told = await again.everything()
      expect(told).toMatch(/validation ledger: (\d+) of \1 cases passed/)
      expect(told).toMatch(/Type next:\n +mojabox status /)
      // Answers have served; nothing else is left beside the site file, which says what it said.
      expect(await readdir(join(folder, '.mojabox'))).toEqual(['known_hosts'])
      const left = ['.mojabox', 'hub.tar', 'hub.tar.sig', 'mojabox.yaml']
      expect((await readdir(folder)).toSorted()).toEqual(left)
      for (const seen of [terminal, again]) expect(await seen.raw()).not.toContain(PASSWORD)
    })

    test('an earlier site file is kept under another name when another is written, and its words stay in that', async () => {
      const site = { version: 1, site: 'kigali', deployment: 'core-test-harness', profile: 'central-ledger' }
      const hosts = [{ name: 'hub', address: host.ip, user: 'ops', identityFile: desk.key.privateKeyPath }]
      const text = `# our own words\n${JSON.stringify({ ...site, bundle: '/old/hub.tar', hosts }, null, 2)}\n`
      await writeFile(join(folder, 'mojabox.yaml'), text)
      await mkdir(join(folder, '.mojabox'))
      const pins = await nodeExec(host.name, ['cat', '/etc/ssh/ssh_host_ed25519_key.pub'])
      await writeFile(join(folder, '.mojabox', 'known_hosts'), `${host.ip} ${pins.stdout}`)
      const terminal = await wizard()
      await terminal.shows('mojabox.yaml is here already: site kigali')
      await terminal.choose('Start from it')
      await terminal.choose('On other machines, over SSH')
      await terminal.choose('Yes, this one host')
      await terminal.choose('Run CI')
      await terminal.choose('central-ledger')
      await terminal.choose('hub.tar')
      await terminal.choose('Yes, whoever signed it')
      await terminal.asks('Shall this be done?', 60_000)
      await terminal.choose('Not now: only write mojabox.yaml')
      expect(await terminal.ended()).toBe(EXIT.done)
      expect(await terminal.everything()).toContain('The earlier mojabox.yaml is kept as mojabox.yaml.bak')
      expect(await readFile(join(folder, 'mojabox.yaml.bak'), 'utf8')).toBe(text)
      expect(await siteText()).toContain('# our own words')
      expect(await siteText()).toMatch(/kigali[\s\S]*hub\.tar/)
    })
  })
})

describe('the wizard on a machine that has Docker already', () => {
  let desk: Desk
  let host: LabNode
  let terminal: Terminal | undefined
  beforeAll(async () => {
    desk = await Desk.open()
    host = await desk.host('wizard-local')
    await plugStick(host.name, { executable, bundle })
    await installDockerByHand(host.name, desk.folder)
    await runOwnContainer(host.name)
  })
  afterAll(async () => {
    await terminal?.close()
    await desk?.close()
  })

  test('finds the bundle beside the executable, uses the Docker that is there, and leaves what runs in it', async () => {
    const own = await containersOn(host.name, 'name=own-cache')
    const version = await dockerOn(host.name, 'version', '--format', '{{.Server.Version}}')
    terminal = await wizardFromStick(host.name, desk.folder)
    await terminal.choose('On this machine')
    await terminal.choose('Evaluate')
    await terminal.choose('central-ledger')
    expect(await terminal.asks('Which bundle?')).toContain(`In ${STICK}`)
    await terminal.choose('hub.tar')
    // Its signature was left at home.
    await terminal.shows('hub.tar is not signed')
    await terminal.choose('Yes, without a signature')
    await terminal.asks('Shall this be done?', 60_000)
    const plan = (await terminal.everything()).replace(/\s+/g, ' ')
    expect(plan).toContain(`Docker: Docker ${version} `)
    expect(plan).toMatch(/reused; its 1 other container/)
    expect(plan).not.toContain('install packages')
    await terminal.choose('Yes, install')
    await terminal.shows('Type next:', INSTALL_MS)
    expect(await terminal.ended()).toBe(EXIT.done)
    expect(await containersOn(host.name, 'name=own-cache')).toEqual(own)
    expect(await dockerOn(host.name, 'version', '--format', '{{.Server.Version}}')).toBe(version)
    expect((await nodeExec(host.name, ['cat', `${STICK_SITE}/mojabox.yaml`])).stdout).toContain('address: local')
  })
})

/** On this machine, until its checks would begin: what follows `On this machine`, and what is pressed there. */
const QUESTIONS = [
  ['What is the hub for?', 'Enter'],
  ['Which profile?', 'Enter'],
  ['Which bundle?', 'C-c'],
] as const

const HOLD_PORT =
  '@kept = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => 3001) or die; sleep 600'

/** Sequences that set colour or weight. */
function colours(raw: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what sets a colour is what is looked for
  return [...raw.matchAll(/\u001b\[[\d;]*m/g)].map(([found]) => found).filter((found) => !/\[(0|39|49)?m/.test(found))
}

function notAscii(raw: string): string[] {
  return [...raw].filter((letter) => letter > '\u007f')
}
