import { run } from './process.ts'

/**
 * Installs the Debian packages that are missing on this machine; does nothing, quickly, when all are there.
 * Needs root.
 *
 * @throws Error with apt's output when a package cannot be installed.
 */
export async function ensurePackages(names: readonly string[]): Promise<void> {
  const missing = await missingPackages(names)
  if (missing.length === 0) return
  const install = ['apt-get', 'install', '--yes', '--quiet', '--no-install-recommends', ...missing]
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const first = await run(install, { env, allowFailure: true })
  if (first.exitCode === 0) return
  // Lists that are absent or out of date are the usual reason; refreshing them each time would cost every run.
  await run(['apt-get', 'update', '--quiet'])
  await run(install, { env })
}

async function missingPackages(names: readonly string[]): Promise<string[]> {
  const query = ['dpkg-query', '--show', `--showformat=\${Package} \${db:Status-Status}\\n`, ...names]
  const { stdout } = await run(query, { allowFailure: true })
  const installed = new Set(
    stdout
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  )
  return names.filter((name) => !installed.has(name))
}
