import { existsSync } from 'node:fs'
import { cachePath } from './cache.ts'
import { ensurePackages } from './packages.ts'
import { type RunOptions, run, startDaemon, succeeds } from './process.ts'
import { waitFor } from './wait.ts'

/** On everything the lab makes in Docker; what does not carry it is not the lab's to remove. */
export const labLabel = 'org.mojabox.lab=1'

/** Runs the docker client and returns its trimmed output. @throws Error when it fails. */
export async function docker(args: readonly string[], options: RunOptions = {}): Promise<string> {
  return (await run(['docker', ...args], options)).stdout.trim()
}

/**
 * Makes sure that a Docker engine answers on this machine. Where none does, Debian's is installed and started,
 * detached from this process, and left running.
 */
export async function ensureDocker(): Promise<void> {
  if (await dockerAnswers()) return
  await ensurePackages(['docker.io', 'iptables'])
  if (existsSync('/run/systemd/system')) await run(['systemctl', 'start', 'docker'])
  else startDaemon(['dockerd'], { logPath: cachePath('dockerd.log'), pidPath: cachePath('dockerd.pid') })
  await waitFor('the Docker engine', dockerAnswers, { timeoutMs: 60_000 })
}

/** The environment for `docker build`: a client without the buildx plugin must use the engine's old builder. */
export async function buildEnvironment(): Promise<Record<string, string>> {
  return { DOCKER_BUILDKIT: (await succeeds(['docker', 'buildx', 'version'])) ? '1' : '0' }
}

async function dockerAnswers(): Promise<boolean> {
  return succeeds(['docker', 'version'], { timeoutMs: 10_000 })
}
