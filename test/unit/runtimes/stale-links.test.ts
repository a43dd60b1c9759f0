import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { removeStaleLinks } from '../../../agent/runtimes/stale-links.ts'
import { temporaryFolder } from '../bundles/temporary-folder.ts'
import { FakeCommands } from '../engine/step-context.ts'

const NETWORK = '63bc8cdc037a'.padEnd(64, '0')
let root: string

async function put(path: string, text = ''): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), text)
}

/** A link on the hub's bridge, by its number on the host. */
async function link(name: string, index: number): Promise<void> {
  await put(`sys/class/net/br-63bc8cdc037a/brif/${name}`)
  await put(`sys/class/net/${name}/ifindex`, `${index}\n`)
}

/** Docker with one container in the network, whose process is 77. */
const docker = (network = NETWORK) =>
  new FakeCommands(([, verb = '']) => ({ network, ps: 'c1', inspect: '77' })[verb] ?? '')

const deleted = ({ lines }: FakeCommands) => lines.filter((line) => line.startsWith('ip link delete'))

beforeEach(async () => {
  root = temporaryFolder()
  await link('veth-held', 5)
  await link('veth-stale', 9)
})

describe('removeStaleLinks', () => {
  it('takes away what no running container has the other end of', async () => {
    await put('proc/77/root/sys/class/net/lo/iflink', '1')
    await put('proc/77/root/sys/class/net/eth0/iflink', '5')
    const commands = docker()
    expect(await removeStaleLinks(commands.run, root)).toBe(1)
    expect(deleted(commands)).toEqual(['ip link delete veth-stale'])
  })

  it('touches nothing where a container’s links cannot be seen', async () => {
    const commands = docker()
    expect(await removeStaleLinks(commands.run, root)).toBe(0)
    expect(deleted(commands)).toEqual([])
  })

  it('touches nothing where the hub has no network yet', async () => {
    const commands = docker('')
    expect(await removeStaleLinks(commands.run, root)).toBe(0)
    expect(commands.lines).toHaveLength(1)
  })
})
