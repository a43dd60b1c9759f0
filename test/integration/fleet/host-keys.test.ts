import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type HostKeys, openHostKeys, pinPathOf, type UnknownKey } from '../../../installer/fleet/host-keys.ts'
import { connectSsh } from '../../../installer/fleet/ssh-connection.ts'
import { deskOptions, failure, target } from './desk.ts'
import { makeKey, type Sshd, scratchFolder, startSshd, USERS, whyNoSshd } from './sshd.ts'

const user = USERS.free
const why = whyNoSshd()

describe.skipIf(why !== undefined)(`host keys ${why ?? ''}`, () => {
  let folder: string
  let sshd: Sshd
  let name: string
  let count = 0
  const line = (key: string) => readFileSync(`${folder}/${key}.pub`, 'utf8').trim().split(' ').slice(0, 2).join(' ')
  const print = (key: string) =>
    execFileSync('ssh-keygen', ['-lf', `${folder}/${key}.pub`], { encoding: 'utf8' }).split(' ')[1]

  beforeAll(async () => {
    folder = await scratchFolder()
    const authorized = [makeKey(`${folder}/id`, 'ed25519')]
    makeKey(`${folder}/host_ed25519`, 'ed25519')
    makeKey(`${folder}/host_rsa`, 'rsa')
    makeKey(`${folder}/other_ed25519`, 'ed25519')
    sshd = await startSshd({
      folder,
      authorized,
      hostKeys: [`${folder}/host_ed25519`, `${folder}/host_rsa`],
      config: 'RekeyLimit 1M',
    })
    name = `[127.0.0.1]:${sshd.port}`
  })

  afterAll(async () => {
    await sshd?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Connects with these known_hosts lines; tells what was asked and where keys would be pinned. */
  async function attempt(known: string, accept?: boolean, pinPath = pinPathOf(`${folder}/site-${count++}`)) {
    const path = `${folder}/known-${count++}`
    writeFileSync(path, known)
    const asked: UnknownKey[] = []
    const onUnknownKey =
      accept === undefined
        ? undefined
        : async (key: UnknownKey) => {
            asked.push(key)
            return accept
          }
    const hostKeys = await openHostKeys({ pinPath, knownHostsPaths: [path], onUnknownKey })
    const options = await deskOptions(folder, { hostKeys })
    const connecting = connectSsh(target(sshd.port, user, { identityFile: `${folder}/id` }), options)
    connecting.then((connection) => connection.close()).catch(() => {})
    return { connecting, asked, path, pinPath, options }
  }

  test('an unknown key is refused without consent, with its fingerprint and the flag', async () => {
    const { connecting, pinPath } = await attempt('')
    const facts = await failure(connecting)
    expect(facts).toMatchObject({
      code: 'host-key-unknown',
      kind: 'host',
      found: `ssh-ed25519 ${print('host_ed25519')}`,
    })
    expect(facts.next).toContain('--accept-new-host-keys')
    expect(() => statSync(pinPath)).toThrow()
  })

  test('an unknown key that the person refuses pins nothing', async () => {
    const { connecting, asked, pinPath } = await attempt('', false)
    expect(await failure(connecting)).toMatchObject({ code: 'host-key-unknown' })
    expect(asked).toEqual([{ host: name, keyType: 'ssh-ed25519', fingerprint: print('host_ed25519') }])
    expect(() => statSync(pinPath)).toThrow()
  })

  test('an accepted key is pinned for the site, for OpenSSH to read, and not asked for again', async () => {
    const first = await attempt('', true)
    await first.connecting
    expect(first.asked).toHaveLength(1)
    expect(execFileSync('ssh-keygen', ['-lf', first.pinPath, '-F', name], { encoding: 'utf8' })).toContain(
      print('host_ed25519'),
    )
    expect(statSync(first.pinPath).mode & 0o777).toBe(0o600)
    const second = await attempt('', undefined, first.pinPath)
    await second.connecting
    expect(readFileSync(first.pinPath, 'utf8').trim().split('\n')).toHaveLength(1)
  })

  test('eight hosts at once with one unknown key ask once', async () => {
    const { connecting, asked, options } = await attempt('', true)
    await connecting
    const more = await Promise.all(
      Array.from({ length: 8 }, () => connectSsh(target(sshd.port, user, { identityFile: `${folder}/id` }), options)),
    )
    await Promise.all(more.map((connection) => connection.close()))
    const fresh = await attempt('', true)
    const parallel = Array.from({ length: 8 }, () =>
      connectSsh(target(sshd.port, user, { identityFile: `${folder}/id` }), fresh.options),
    )
    for (const connection of await Promise.all([fresh.connecting, ...parallel])) await connection.close()
    expect([asked.length, fresh.asked.length]).toEqual([1, 1])
  })

  test('a changed key stops with both fingerprints, the file, its line and how to remove it', async () => {
    const { connecting, path, asked } = await attempt(`# mine\n${name} ${line('other_ed25519')}\n`, true)
    const facts = await failure(connecting)
    expect(facts).toMatchObject({
      code: 'host-key-changed',
      kind: 'host',
      found: `ssh-ed25519 ${print('host_ed25519')}`,
    })
    expect(facts.needed).toBe(`ssh-ed25519 ${print('other_ed25519')} (${path} line 2)`)
    expect(facts.next).toContain(`ssh-keygen -f ${path} -R '${name}'`)
    expect(asked).toEqual([])
  })

  test('the way to remove it that the message tells really removes it', async () => {
    const { connecting, path } = await attempt(`${name} ${line('other_ed25519')}\n`)
    const { next } = await failure(connecting)
    execFileSync('sh', ['-c', next?.slice(next.indexOf('ssh-keygen')) ?? 'false'], { stdio: 'ignore' })
    expect(readFileSync(path, 'utf8')).toBe('')
  })

  test('a host known by its RSA key only is asked for that key, not taken for changed', async () => {
    const { connecting, asked } = await attempt(`${name} ${line('host_rsa')}\n`)
    await connecting
    expect(asked).toEqual([])
  })

  test('a host that no longer has the type of key we know is changed, not new', async () => {
    makeKey(`${folder}/ecdsa`, 'ecdsa')
    const { connecting } = await attempt(`${name} ${line('ecdsa')}\n`, true)
    expect(await failure(connecting)).toMatchObject({
      code: 'host-key-changed',
      needed: expect.stringContaining('ecdsa-sha2-nistp256'),
    })
  })

  test('hashed entries, as Debian’s ssh writes them, are understood', async () => {
    const path = `${folder}/hashed`
    writeFileSync(path, `${name} ${line('host_ed25519')}\n`)
    execFileSync('ssh-keygen', ['-H', '-f', path], { stdio: 'ignore' })
    const hashed = readFileSync(path, 'utf8')
    expect(hashed).toContain('|1|')
    await (await attempt(hashed)).connecting
  })

  test('a key known for the bare name is enough on another port', async () => {
    await (await attempt(`127.0.0.1 ${line('host_ed25519')}\n`)).connecting
  })

  test('a revoked key is refused even when it is listed as known', async () => {
    const { connecting } = await attempt(`${name} ${line('host_ed25519')}\n@revoked * ${line('host_ed25519')}\n`, true)
    expect(await failure(connecting)).toMatchObject({ code: 'host-key-revoked' })
  })

  test('a pin file without a last line end is appended to, not spoiled', async () => {
    const pinPath = `${folder}/unended`
    writeFileSync(pinPath, `elsewhere ${line('other_ed25519')}`)
    await (await attempt('', true, pinPath)).connecting
    appendFileSync(pinPath, '')
    expect(readFileSync(pinPath, 'utf8').trim().split('\n')).toHaveLength(2)
  })

  test('a pin file that cannot be written is told, not passed over', async () => {
    const { connecting } = await attempt('', true, `${folder}/id/known_hosts`)
    expect(await failure(connecting)).toMatchObject({ code: 'known-hosts-unusable' })
  })

  test('an answer that comes after the host gave up is remembered for the next run', async () => {
    const hasty = await startSshd({
      folder,
      authorized: [line('id')],
      hostKeys: [`${folder}/host_ed25519`],
      config: 'LoginGraceTime 1',
    })
    const pinPath = `${folder}/late`
    let answered: Promise<void> | undefined
    const onUnknownKey = async () => {
      answered = new Promise((resolve) => setTimeout(resolve, 2500))
      await answered
      return true
    }
    const connect = async (hostKeys: HostKeys) =>
      connectSsh(target(hasty.port, user, { identityFile: `${folder}/id` }), await deskOptions(folder, { hostKeys }))
    const first = await openHostKeys({ pinPath, knownHostsPaths: [], onUnknownKey })
    expect(await failure(connect(first))).toMatchObject({
      code: 'host-timeout',
      next: expect.stringContaining('remembered'),
    })
    await answered
    await expect.poll(() => existsSync(pinPath)).toBe(true)
    const connection = await connect(await openHostKeys({ pinPath, knownHostsPaths: [] }))
    await connection.close()
    await hasty.stop()
  })

  test('the key is still trusted when the host wants new session keys in mid-stream', async () => {
    const { options } = await attempt(`${name} ${line('host_ed25519')}\n`)
    const connection = await connectSsh(target(sshd.port, user, { identityFile: `${folder}/id` }), options)
    const result = await connection.exec(['sh', '-c', 'head -c 5000000 /dev/zero | tee /dev/stderr | wc -c'])
    expect([result.stdout.trim(), result.stderr.length]).toEqual(['5000000', 5_000_000])
    await connection.close()
  })
})
