import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Connection } from '../../../installer/fleet/connection.ts'
import { openHostKeys } from '../../../installer/fleet/host-keys.ts'
import { reachHost } from '../../../installer/fleet/reach-host.ts'
import { createSecrets } from '../../../installer/site/secret.ts'
import { type NodeSuite, nodeImage } from '../../lab/node-image.ts'
import { knownHostsLines, type LabNode, powerCycleNode, removeNode, startNode } from '../../lab/nodes.ts'
import { run } from '../../lab/process.ts'
import { createKeyPair, type KeyPair } from '../../lab/ssh-keys.ts'
import { failure } from './desk.ts'

async function hasImage(suite: NodeSuite): Promise<boolean> {
  try {
    return (await run(['docker', 'image', 'inspect', nodeImage(suite).tag], { allowFailure: true })).exitCode === 0
  } catch {
    return false
  }
}

for (const suite of ['trixie', 'bookworm'] as const) {
  const there = await hasImage(suite)
  describe.skipIf(!there)(`a lab node with ${suite}${there ? '' : ' (its image is not built)'}`, () => {
    const name = `fleet-${suite}`
    let folder: string
    let keys: KeyPair
    let node: LabNode
    const open: Connection[] = []

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'mojabox-fleet-'))
      keys = await createKeyPair(folder)
      await removeNode(name)
      node = await startNode({ name, suite, publicKey: keys.publicKey, sudoPassword: 'correct horse' })
    })

    afterAll(async () => {
      await Promise.all(open.map((connection) => connection.close()))
      await removeNode(name)
      rmSync(folder, { recursive: true, force: true })
    })

    async function reach(user: string, sudo?: string): Promise<Connection> {
      const pinPath = join(folder, 'known_hosts')
      await run(['sh', '-c', 'cat > "$0"', pinPath], { input: `${(await knownHostsLines(node)).join('\n')}\n` })
      const connection = await reachHost(
        {
          name,
          address: node.ip,
          port: 22,
          user,
          identityFile: keys.privateKeyPath,
          ...(sudo === undefined ? {} : { sudo: { password: 'env:SUDO' } }),
        },
        {
          hostKeys: await openHostKeys({ pinPath, knownHostsPaths: [] }),
          secrets: createSecrets({ env: { SUDO: sudo }, readFile: async () => '' }),
          env: {},
          keepaliveIntervalMs: 500,
        },
      )
      open.push(connection)
      return connection
    }

    for (const [user, sudo] of [
      ['root', undefined],
      ['ops', undefined],
      ['sudoer', 'correct horse'],
    ] as const) {
      test(`is reached as root by ${user}, host keys known beforehand`, async () => {
        const connection = await reach(user, sudo)
        expect((await connection.exec(['id', '-u'])).stdout.trim()).toBe('0')
        const { stdout } = await connection.exec(['cat', '/etc/os-release'])
        expect(stdout).toContain(`VERSION_CODENAME=${suite}`)
      })
    }

    test('refuses a wrong sudo password and a user without rights, each in its own words', async () => {
      expect((await failure(reach('sudoer', 'wrong'))).message).toContain('sudo refused the password for sudoer')
      expect(await failure(reach('nosudo'))).toMatchObject({ code: 'host-sudo' })
    })

    test('is told as lost when its power goes', async () => {
      const connection = await reach('ops')
      const process = await connection.spawn(['cat'])
      const began = performance.now()
      const lost = failure(process.exited)
      const cycled = powerCycleNode(name)
      expect(await lost).toMatchObject({ code: 'host-lost', kind: 'host' })
      expect(performance.now() - began).toBeLessThan(10_000)
      node = await cycled
      expect((await (await reach('ops')).exec(['id', '-u'])).stdout).toBe('0\n')
    })
  })
}
