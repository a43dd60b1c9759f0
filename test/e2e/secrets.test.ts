/**
 * Secrets that were planted, and those that a node makes: after an install and all that one does with a hub, they are
 * where they have to be, readable by who needs them, and nowhere else, neither as they are nor in Base64.
 */
import { randomBytes } from 'node:crypto'
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NODE_PATHS } from '../../agent/contract/paths.ts'
import { type LabNode, nodeExec } from '../lab/nodes.ts'
import { run } from '../lab/process.ts'
import { Desk } from './support/desk.ts'
import { expectDone } from './support/expectations.ts'
import { dockerOn } from './support/hub.ts'
import { watchDeskProcesses, watchProcesses } from './support/process-watch.ts'
import { needlesOf, secretsIn } from './support/secret-needles.ts'

const made = (name: string) => `planted-${name}-${randomBytes(12).toString('hex')}`

describe('secrets', () => {
  let desk: Desk
  let host: LabNode
  let flags: string[]
  /** Planted at the desk. */
  const planted = new Map([
    ['passphrase', made('passphrase')],
    ['sudo', made('sudo')],
  ])
  /** Made on the node, by the names of their files. */
  let generated = new Map<string, string>()
  const seen = { node: '', desk: '' }
  const all = () => new Map([...planted, ...generated])
  const env = () => ({ SITE_PASSPHRASE: planted.get('passphrase') ?? '' })

  beforeAll(async () => {
    desk = await Desk.open()
    host = await desk.host('secrets', { sudoPassword: planted.get('sudo') ?? '' })
    const locked = join(desk.folder, 'locked-key')
    await copyFile(desk.key.privateKeyPath, locked)
    await run(['ssh-keygen', '-q', '-p', '-P', '', '-N', planted.get('passphrase') ?? '', '-f', locked])
    await writeFile(join(desk.folder, 'sudo'), `${planted.get('sudo')}\n`, { mode: 0o600 })
    const references = ['--passphrase', 'env:SITE_PASSPHRASE', '--sudo-password', 'file:sudo']
    flags = [...desk.flags(host, 'sudoer'), '--identity', locked, ...references, '--profile', 'payments']
  })
  afterAll(() => desk?.close())

  test('an install takes them by reference', async () => {
    const [onNode, onDesk] = [watchProcesses(host.name), watchDeskProcesses()]
    const ended = await desk.run(['install', ...flags, '--report', 'reports'], { env: env() })
    seen.node = await onNode.stop()
    seen.desk = await onDesk.stop()
    expectDone(ended)
    const list = `cd ${NODE_PATHS.secrets} && for name in *; do echo "== $name"; cat "$name"; echo; done`
    const { stdout } = await nodeExec(host.name, ['sh', '-c', list])
    const files = stdout.split(/^== /m).filter(Boolean)
    const read = files.map((text) => [text.slice(0, text.indexOf('\n')), text.slice(text.indexOf('\n') + 1)] as const)
    // What is public may be read by all.
    generated = new Map(read.filter(([name]) => !/-(public|certificate)$/.test(name)))
    expect([...generated.keys()]).toEqual(expect.arrayContaining(['mysql-password', 'jws-mojaboxpayer-key']))
    for (const secret of all().values()) expect(needlesOf(secret)[0]?.length).toBeGreaterThanOrEqual(32)
  })

  test('whatever else one asks for runs', async () => {
    const verbs = [['status'], ['plan', '--show-config'], ['validate', '--report', 'again'], ['logs', '--tail', 'all']]
    for (const [verb = '', ...more] of verbs) {
      const ended = await desk.run([verb, ...flags, ...more], { env: env() })
      expectDone(ended)
    }
    const wrong = await desk.run(['check', ...flags], { env: { SITE_PASSPHRASE: made('wrong') } })
    expect(wrong.code).not.toBe(0)
  })

  test('no command line and no environment of a process had one, but that of who was given it', () => {
    expect(seen.node).toMatch(/^container-cmdline .*mysqld/m)
    expect(seen.node).toMatch(/^environ .*PATH=/m)
    const inContainers = (line: string) => line.startsWith('container-environ ')
    const ofNode = seen.node.split('\n')
    expect(secretsIn(ofNode.filter((line) => !inContainers(line)).join('\n'), all())).toEqual([])
    // MySQL's image takes its passwords as files, and has them in the environment of its own processes; its client takes
    // one from MYSQL_PWD alone. Neither is seen outside of its container but by root.
    const told = ofNode.filter(inContainers).filter((line) => secretsIn(line, all()).length > 0)
    for (const line of told) expect(/\bMYSQL_\w+=/.test(line)).toBe(true)
    const known = ['account-lookup-password', 'mysql-password', 'mysql-root-password']
    expect(known).toEqual(expect.arrayContaining(secretsIn(told.join('\n'), all())))
    expect(seen.desk).toMatch(/^cmdline .*mojabox.* install /m)
    // It was handed the passphrase in its environment; what it starts is not.
    const lines = seen.desk
      .split('\n')
      .filter((line) => !/^(container-environ|environ .*\bSITE_PASSPHRASE=)/.test(line))
    expect(secretsIn(lines.join('\n'), all())).toEqual([])
  })

  test('nothing that mojabox said or wrote at the desk has one', async () => {
    expect(desk.heard.join('').length).toBeGreaterThan(10_000)
    expect(secretsIn(desk.heard.join('\n'), all())).toEqual([])
    const given = ['sudo', 'id_ed25519', 'locked-key']
    const files = (await readdir(desk.folder, { recursive: true, withFileTypes: true })).filter(
      (entry) => entry.isFile() && !given.includes(entry.name),
    )
    expect(files.map(({ name }) => name)).toEqual(expect.arrayContaining(['known_hosts']))
    expect(files.filter(({ name }) => name.endsWith('.xml')).length).toBeGreaterThanOrEqual(2)
    for (const { parentPath, name } of files) {
      expect(secretsIn(await readFile(join(parentPath, name), 'latin1'), all()), join(parentPath, name)).toEqual([])
    }
  })

  test('neither the system’s journal nor Docker tells one, of no container', async () => {
    const journal = (await nodeExec(host.name, ['journalctl', '--no-pager', '--all', '--output=export'])).stdout
    expect(journal).toContain('mojabox-agent.service')
    expect(secretsIn(journal, all())).toEqual([])
    const ids = (await dockerOn(host.name, 'ps', '--all', '--quiet')).split('\n')
    expect(ids.length).toBeGreaterThan(5)
    expect(secretsIn(await dockerOn(host.name, 'inspect', ...ids), all())).toEqual([])
    const { stdout } = await nodeExec(host.name, [
      'sh',
      '-c',
      'for id in $(docker ps --all --quiet); do docker logs $id; done 2>&1',
    ])
    expect(stdout.length).toBeGreaterThan(1_000)
    expect(secretsIn(stdout, all())).toEqual([])
  })

  test('on the node’s disks each is in files that its reader alone may open', async () => {
    const found = await filesWith(host, all())
    const open = found.filter(({ mode }) => (mode & 0o077) !== 0)
    expect(open).toEqual([])
    const elsewhere = found.filter(({ path }) => !HOLDERS.some((holder) => holder.test(path)))
    expect(elsewhere.map(({ path }) => path)).toEqual([])
    expect(found.map(({ path }) => path)).toEqual(expect.arrayContaining([`${NODE_PATHS.secrets}/mysql-password`]))
  })
})

/** Where a secret has to be: its file, the configuration that a service reads, what the agent was handed, the login's hash. */
const HOLDERS = [
  /^\/var\/lib\/mojabox\/secrets\/[a-z0-9-]+$/,
  /^\/var\/lib\/mojabox\/deployments\/core-test-harness\/[\w./-]+$/,
  /^\/run\/mojabox-agent\/secrets\/[a-z0-9-]+$/,
]

/** Files of the node that have one of these, by any of its needles; the needles come over stdin. */
async function filesWith(
  host: LabNode,
  secrets: ReadonlyMap<string, string>,
): Promise<{ path: string; mode: number }[]> {
  const places =
    '/etc /var/lib/mojabox /var/lib/docker/containers /var/log /var/tmp /var/cache /run /tmp /root /home /usr/local'
  const script = `cat > /dev/shm/needles; chmod 600 /dev/shm/needles
    grep --recursive --files-with-matches --text --fixed-strings --file=/dev/shm/needles --devices=skip ${places} 2> /dev/null |
      while read -r path; do stat -c '%a %n' "$path"; done
    rm /dev/shm/needles`
  const needles = [...secrets.values()].flatMap(needlesOf).join('\n')
  const { stdout } = await nodeExec(host.name, ['sh', '-c', script], { input: `${needles}\n` })
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => ({ mode: Number.parseInt(line, 8), path: line.slice(line.indexOf(' ') + 1) }))
}
