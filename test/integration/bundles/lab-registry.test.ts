import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { InspectedBundle } from '../../../bundles/format/inspect.ts'
import { labRegistry } from '../../lab/registry.ts'

const REGISTRY = process.env.MOJABOX_LAB_REGISTRY ?? labRegistry.address
const ROOT = join(import.meta.dirname, '../../..')
const MAIN = join(ROOT, 'installer', 'main.ts')
const there = await fetch(`http://${REGISTRY}/v2/`).then(
  ({ ok }) => ok,
  () => false,
)

interface Outcome {
  code: number
  stdout: string
  stderr: string
}

function run(command: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(command, args, { env: { ...process.env, ...env }, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, stdout, stderr })
    })
  })
}

describe.skipIf(!there)(`a bundle from ${REGISTRY}${there ? '' : ' (the lab is not set up)'}`, () => {
  let folder: string
  let bundle: string
  const mojabox = (args: string[], cache = 'cache') =>
    run(process.execPath, [MAIN, 'bundle', ...args], { MOJABOX_CACHE: join(folder, cache) })
  const build = (output: string, args: string[], cache?: string) => {
    const spec = join(ROOT, 'bundles', 'core-test-harness')
    const origin = ['--mirror', `docker.io=${REGISTRY}`, '--no-executables']
    // Packages have tests of their own; without apt mirrors these need no network.
    const selection = args.includes('--lock') ? [] : ['--profile', 'central-ledger', '--no-packages']
    return mojabox(['build', spec, '-o', output, ...origin, ...selection, ...args], cache)
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mojabox-bundle-'))
    bundle = join(folder, 'hub.tar')
    const built = await build(bundle, ['--json'])
    expect(built.stderr).not.toContain('mojabox:')
    expect(built.code).toBe(0)
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('is listed with its artifacts and shared layers', async () => {
    const { stdout } = await mojabox(['inspect', bundle, '--json'])
    const inspected = JSON.parse(stdout) as InspectedBundle
    expect(inspected.profiles).toEqual(['central-ledger'])
    expect(inspected.artifacts.map(({ name }) => name)).toEqual([
      'docker.io/apache/kafka:4.1.2',
      'docker.io/library/mysql:8.0',
      'docker.io/library/redis:8.0',
      'docker.io/mojaloop/central-ledger:v19.5.5',
      'core-test-harness',
      'sbom',
    ])
    expect(inspected.shared.length).toBeGreaterThan(0)
    expect((await mojabox(['inspect', bundle])).stdout).toMatch(
      /^image +docker\.io\/library\/redis:8\.0 +linux\/amd64 /m,
    )
  })

  it('is verified, and a changed byte is told with its artifact', async () => {
    const damaged = join(folder, 'damaged.tar')
    expect((await mojabox(['verify', bundle])).code).toBe(0)
    copyFileSync(bundle, damaged)
    const file = openSync(damaged, 'r+')
    writeSync(file, Buffer.from([0xa5, 0x5a, 0xa5]), 0, 3, Math.floor(readFileSync(bundle).length / 2))
    const { code, stderr } = await mojabox(['verify', damaged])
    expect(code).toBe(5)
    expect(stderr).toMatch(/checking image docker\.io\/.*its content is damaged/)
    truncateSync(damaged, 50_000_000)
    const short = await mojabox(['inspect', damaged])
    expect(short.code).toBe(5)
    expect(short.stderr).toMatch(/cut short[\s\S]*found: {2}50000000 bytes/)
  })

  it('is built again from its lock, byte for byte, with an empty cache', async () => {
    const again = join(folder, 'again.tar')
    const { code, stderr } = await build(again, ['--lock', `${bundle}.lock.json`], 'cache-2')
    expect(stderr).not.toContain('mojabox:')
    expect(code).toBe(0)
    expect(readFileSync(again).equals(readFileSync(bundle))).toBe(true)
  })

  it.skipIf(!existsSync('/usr/bin/skopeo'))('is read by skopeo as it is', async () => {
    const skopeo = promisify(execFile)
    const name = 'docker.io/library/redis:8.0'
    const inspected = JSON.parse((await skopeo('skopeo', ['inspect', `oci-archive:${bundle}:${name}`])).stdout)
    const upstream = await skopeo('skopeo', ['inspect', '--tls-verify=false', `docker://${REGISTRY}/library/redis:8.0`])
    expect(inspected.Layers).toEqual(JSON.parse(upstream.stdout).Layers)
    await skopeo('skopeo', ['copy', `oci-archive:${bundle}:${name}`, `dir:${join(folder, 'redis')}`])
    expect(existsSync(join(folder, 'redis', 'manifest.json'))).toBe(true)
  })

  it('leaves no file when the registry lacks an image', async () => {
    const output = join(folder, 'none.tar')
    const { code, stderr } = await build(output, ['--profile', 'central-settlement'], 'cache-3')
    expect(code).toBe(2)
    expect(stderr).toContain('getting docker.io/mojaloop/central-settlement:v17.0.6: the registry does not have it')
    expect(existsSync(output) || existsSync(`${output}.partial`)).toBe(false)
  })
})
