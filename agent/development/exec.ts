import { spawn } from 'node:child_process'
import type { RunCommand } from '../contract/step.ts'
import { listServices, requireRunning, requireService } from './services.ts'

/**
 * Runs a command inside a running service, its streams in the hands of whoever called this program.
 * @returns the command's exit code (126 and 127 as Docker tells of a command that cannot be run)
 * @throws MojaboxError `service-unknown`, `service-not-running`
 */
export async function execInService(run: RunCommand, name: string, argv: string[], tty: boolean): Promise<number> {
  const service = requireRunning(requireService(await listServices(run), name))
  const terminal = tty ? ['--tty', '--env', `TERM=${process.env.TERM ?? 'xterm'}`] : []
  const child = spawn('docker', ['exec', '--interactive', ...terminal, service.id, ...argv], { stdio: 'inherit' })
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  child.once('error', reject)
  child.once('close', (code) => resolve(code ?? 137))
  return promise
}
