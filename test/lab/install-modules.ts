import { run } from './process.ts'

/** An input of every image that is made with it. */
export const installModulesFile = import.meta.filename

/**
 * Installs what the folder's lock file names: outside the image's build, which has no way to a registry, and without
 * install scripts.
 */
export async function installModules(folder: string): Promise<void> {
  const npm = ['npm', 'ci', '--silent', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--no-bin-links']
  await run(npm, { cwd: folder })
}
