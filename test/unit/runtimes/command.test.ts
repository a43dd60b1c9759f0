import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { createRunCommand, pasteable } from '../../../agent/runtimes/command.ts'
import { MojaboxError } from '../../../bundles/format/error.ts'

const run = createRunCommand()

async function errorOf(promise: Promise<unknown>): Promise<MojaboxError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error instanceof MojaboxError) return error
  throw new Error(`expected a MojaboxError, got ${error}`)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('createRunCommand', () => {
  it('gives exit code, stdout and stderr', async () => {
    expect(await run(['sh', '-c', 'echo out; echo err >&2'])).toEqual({ code: 0, stdout: 'out\n', stderr: 'err\n' })
  })

  it('passes words as they are: no shell looks at them', async () => {
    const words = ['a b', '$HOME', '`id`', "it's", '*', '']
    const { stdout } = await run(['printf', '%s\\n', ...words])
    expect(stdout.split('\n').slice(0, -1)).toEqual(words)
  })

  it('writes the input and closes it; without one there is nothing to read', async () => {
    expect((await run(['cat'], { input: 'täglich\n' })).stdout).toBe('täglich\n')
    expect((await run(['cat'])).stdout).toBe('')
  })

  it('is not troubled by a command that does not read its input', async () => {
    expect((await run(['true'], { input: 'x'.repeat(4 * 1024 * 1024) })).code).toBe(0)
  })

  it('speaks C whatever the surroundings speak, and finds programs of administrators', async () => {
    const { stdout } = await run(['sh', '-c', 'echo "$LC_ALL|$ONE|$PATH"'], {
      env: { ONE: '1', LC_ALL: 'de_DE.UTF-8' },
    })
    expect(stdout).toMatch(/^C\|1\|/)
    expect(stdout).toContain('/usr/sbin')
  })

  it('runs in the folder it is told', async () => {
    expect((await run(['pwd'], { cwd: '/usr' })).stdout).toBe('/usr\n')
  })

  it('keeps the last MiB of each output', async () => {
    const { stdout } = await run(['sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" a; echo end'])
    expect(stdout).toHaveLength(1024 * 1024)
    expect(stdout.endsWith('aaaend\n')).toBe(true)
  })
})

describe('a command that fails', () => {
  it('says what was run, its exit code, the end of stderr, and how to run it by hand', async () => {
    const { facts } = await errorOf(run(['sh', '-c', "echo first >&2; echo 'disk full' >&2; exit 3"]))
    expect(facts).toMatchObject({ code: 'command-failed', kind: 'step', message: 'running sh: exit code 3: disk full' })
    expect(facts.found).toBe('exit code 3\nfirst\ndisk full')
    expect(facts.next).toContain(`sh -c 'echo first >&2; echo '\\''disk full'\\'' >&2; exit 3'`)
  })

  it('shows stdout when stderr is empty', async () => {
    expect((await errorOf(run(['sh', '-c', 'echo told; exit 1']))).facts.message).toContain('told')
  })

  it('takes the exit codes it is told for success', async () => {
    expect((await run(['sh', '-c', 'exit 3'], { okCodes: [0, 3] })).code).toBe(3)
  })

  it('says when a signal ended it', async () => {
    expect((await errorOf(run(['sh', '-c', 'kill -9 $$']))).facts.message).toContain('ended by SIGKILL')
  })

  it('says when there is no such program', async () => {
    expect((await errorOf(run(['no-such-program', '-v']))).facts).toMatchObject({
      code: 'command-missing',
      kind: 'step',
      next: expect.stringContaining('no-such-program -v'),
    })
  })

  it('does not blame the program when the folder is missing', async () => {
    expect((await errorOf(run(['true'], { cwd: '/no/such/folder' }))).facts).toMatchObject({
      code: 'command-failed',
      message: expect.stringContaining('no folder /no/such/folder'),
    })
  })

  it('does not start a file that is no program', async () => {
    expect((await errorOf(run(['/etc/hostname']))).facts.code).toBe('command-failed')
  })
})

describe('stopping a command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'command-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  it('ends it with its children when the time is over', async () => {
    const script = 'sleep 60 & echo $! > child; wait'
    const started = performance.now()
    const { facts } = await errorOf(run(['sh', '-c', script], { timeoutMs: 300, cwd: folder }))
    expect(facts).toMatchObject({ code: 'command-timeout', message: 'running sh: not finished after 0.3 s, stopped' })
    expect(performance.now() - started).toBeLessThan(5_000)
    const child = Number(execFileSync('cat', [join(folder, 'child')], { encoding: 'utf8' }))
    expect(child).toBeGreaterThan(0)
    expect(isAlive(child)).toBe(false)
  })

  it('ends it when the signal says so, and starts nothing after', async () => {
    const controller = new AbortController()
    const stoppable = createRunCommand(controller.signal)
    const running = errorOf(stoppable(['sleep', '60']))
    await sleep(50)
    controller.abort()
    expect((await running).facts).toMatchObject({ code: 'interrupted', kind: 'interrupted' })
    expect((await errorOf(stoppable(['true']))).facts.code).toBe('interrupted')
  })

  it('kills what does not listen, some time after asking', async () => {
    const started = performance.now()
    const impatient = createRunCommand(undefined, 400)
    const { facts } = await errorOf(
      impatient(['sh', '-c', "trap '' TERM; while :; do sleep 0.2; done"], { timeoutMs: 200 }),
    )
    expect(facts.code).toBe('command-timeout')
    expect(performance.now() - started).toBeGreaterThan(550)
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  it('does not wait for a daemon that keeps the pipes open', async () => {
    const started = performance.now()
    const { stdout } = await run(['sh', '-c', 'sleep 20 & echo started'])
    expect(stdout).toBe('started\n')
    expect(performance.now() - started).toBeLessThan(8_000)
  })
})

describe('pasteable', () => {
  it('quotes for any POSIX shell, and only where needed', () => {
    expect(pasteable(['docker', 'run', '-p', '127.0.0.1:80:80', "it's", '', '$x', 'a\nb'])).toBe(
      `docker run -p 127.0.0.1:80:80 'it'\\''s' '' '$x' 'a\nb'`,
    )
  })
})
