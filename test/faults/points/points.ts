import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { cachePath, inputsKey } from '../../lab/cache.ts'
import { nodeExec } from '../../lab/nodes.ts'
import { ensurePackages } from '../../lab/packages.ts'
import { run } from '../../lab/process.ts'
import { waitFor } from '../../lab/wait.ts'

/** What happens where the engine comes to a point: it dies, stands still, or its system call fails. */
export type PointAction = 'kill' | 'stop' | 'ENOSPC' | 'EROFS' | 'EIO'

const FOLDER = '/opt/faults'
const UNIT_FOLDER = '/etc/systemd/system/mojabox-engine.service.d'
const SOURCE = join(import.meta.dirname, 'points.c')
const ARM = `mkdir -p ${FOLDER}/hit ${UNIT_FOLDER}
  printf '[Service]\\nEnvironment=LD_PRELOAD=${FOLDER}/points.so FAULTS_CLOCK=${FOLDER}/clock\\n' > ${UNIT_FOLDER}/faults.conf
  cat > ${FOLDER}/points.so; systemctl daemon-reload`

/** Has the engine of a host, from its next start on, meet faults at points: `points.c` says which there are. */
export async function armPoints(host: string, points: readonly (readonly [PointAction, string])[]): Promise<void> {
  await nodeExec(host, ['sh', '-euc', ARM], { input: await readFile(await libraryPath()) })
  // Not empty: a command that waits for its input would wait for ever.
  const text = `\n${points.map(([action, key]) => `${action} ${key}\n`).join('')}`
  await nodeExec(host, ['sh', '-euc', `cat > ${FOLDER}/points`], { input: text })
}

/** The points that the engine came to, in the order in which it did. */
export async function hitPoints(host: string): Promise<string[]> {
  const { stdout } = await nodeExec(host, ['ls', '-tr', `${FOLDER}/hit`], { allowFailure: true })
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((name) => name.replaceAll('!', '/'))
}

/** Lets an engine go on that stands still at a point. */
export async function letGoOn(host: string): Promise<void> {
  await nodeExec(host, ['systemctl', 'kill', '--signal=CONT', 'mojabox-engine.service'])
}

/** Waits until the engine came to that point. */
export async function hits(host: string, point: string): Promise<void> {
  const there = async () => (await hitPoints(host)).includes(point)
  await waitFor(`the engine to come to ${point}`, there, { timeoutMs: 120_000 })
}

/** Shifts the clock of an engine whose points are armed, by seconds. */
export async function shiftClock(host: string, seconds: number): Promise<void> {
  await nodeExec(host, ['sh', '-euc', `cat > ${FOLDER}/clock`], { input: `${seconds}` })
}

/** The environment that shifts the clock of a command here by as many seconds as a file says. */
export async function shiftedClock(path: string): Promise<Record<string, string>> {
  return { LD_PRELOAD: await libraryPath(), FAULTS_CLOCK: path }
}

export async function disarmPoints(host: string): Promise<void> {
  await nodeExec(host, ['sh', '-euc', `rm -rf ${FOLDER} ${UNIT_FOLDER}; systemctl daemon-reload`])
}

async function libraryPath(): Promise<string> {
  const path = cachePath('faults', `points-${inputsKey([SOURCE], {})}.so`)
  if (existsSync(path)) return path
  await ensurePackages(['gcc', 'libc6-dev'])
  await mkdir(dirname(path), { recursive: true })
  await run(['gcc', '-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', path, SOURCE])
  return path
}
