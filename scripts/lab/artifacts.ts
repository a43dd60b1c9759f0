import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { cachePath } from '../../test/lab/cache.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/** The built executable for this machine. */
export const EXECUTABLE = join(ROOT, 'dist', 'mojabox-linux-x64')
/** The lab's bundle: what the lab has images of, from its registry, and Docker's packages from Debian. */
export const BUNDLE = cachePath('bundle', 'core-test-harness.tar')

/** Signs the lab's bundles; `BUNDLE_KEY.pub` beside it is what the lab's desks trust. */
export const BUNDLE_KEY = cachePath('keys', 'bundle.key')
export const TRUSTED_KEY = `${BUNDLE_KEY}.pub`

/** Runs `node scripts/build.ts`: seconds the first time, nothing when nothing changed. */
export async function buildExecutables(only?: 'linux-x64'): Promise<void> {
  await script('build.ts', only ? ['--only', only] : [])
}

/** The spec and data of the core test harness. */
export const SPEC_FOLDER = join(ROOT, 'bundles', 'core-test-harness')

/** Builds the lab's bundle with the built executable; what is cached is not fetched again. */
export async function buildBundle(registry: string): Promise<void> {
  await buildBundleOf(join(SPEC_FOLDER, 'bundle.yaml'), ['central-ledger', 'payments'], BUNDLE, registry)
}

/** Builds a bundle for the lab's hosts, with the built executable. */
export async function buildBundleOf(
  spec: string,
  profiles: string[],
  path: string,
  registry: string,
  more: string[] = [],
): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const from = ['--mirror', `docker.io=${registry}`]
  await ensureBundleKey()
  const selection = ['--platform', 'linux/amd64', '--distribution', 'debian-12,debian-13']
  const command = [EXECUTABLE, 'bundle', 'build', spec, '-o', path, '--key', BUNDLE_KEY]
  await foreground([...command, ...from, '--profile', profiles.join(','), ...selection, ...more])
}

async function ensureBundleKey(): Promise<void> {
  await mkdir(dirname(BUNDLE_KEY), { recursive: true })
  if (!existsSync(TRUSTED_KEY)) await foreground([EXECUTABLE, 'bundle', 'keygen', BUNDLE_KEY])
}

/** Runs a command with this terminal; its exit code must be one of `okCodes`. */
export async function foreground(
  argv: string[],
  options: { env?: NodeJS.ProcessEnv; okCodes?: number[]; quiet?: boolean } = {},
): Promise<number> {
  const [command = '', ...args] = argv
  const child = spawn(command, args, {
    stdio: options.quiet ? 'ignore' : 'inherit',
    env: { ...process.env, ...options.env },
  })
  // A terminal's Ctrl-C reaches the child by itself.
  const end = (): void => void child.kill('SIGTERM')
  process.once('SIGTERM', end)
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exit) => resolve(exit ?? 1))
  }).finally(() => process.off('SIGTERM', end))
  if (!(options.okCodes ?? [0]).includes(code)) throw new Error(`${argv.join(' ')}: exit code ${code}`)
  return code
}

function script(name: string, args: string[]): Promise<number> {
  return foreground([process.execPath, join(ROOT, 'scripts', name), ...args])
}
