import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { VERSION } from '../../../bundles/format/version.ts'
import { run } from '../../../installer/cli/program.ts'
import { temporaryFolder } from '../engine/temporary-folder.ts'
import { FakeIo } from '../render/fake-io.ts'

/** In a folder without a site file, and where no node of ours is. */
async function mojabox(...argv: string[]) {
  const folder = await temporaryFolder()
  const spy = vi.spyOn(process, 'cwd').mockReturnValue(folder)
  const before = process.cwd
  onTestFinished(() => spy.mockRestore())
  expect(before()).toBe(folder)
  const io = new FakeIo({ env: { HOME: folder, USER: 'ops' } })
  const code = await run(argv, io)
  return { code, out: io.out, err: io.err }
}

const COMMANDS = ['check', 'plan', 'install', 'status', 'open', 'validate', 'uninstall', 'bundle', 'completion']

describe('mojabox', () => {
  it.each(['--help', 'help'])('lists its commands with %s', async (word) => {
    const { code, out, err } = await mojabox(word)
    expect(code).toBe(0)
    expect(err).toBe('')
    for (const command of COMMANDS) expect(out).toMatch(new RegExp(`^  ${command}\\b`, 'm'))
  })

  it('hides what is not for people', async () => {
    const { out } = await mojabox('--help')
    expect(out).not.toMatch(/^ {2}(node|agent)\b/m)
  })

  it.each(['--version', 'version'])('tells its version with %s', async (word) => {
    expect(await mojabox(word)).toEqual({ code: 0, out: `${VERSION}\n`, err: '' })
  })

  it.each([
    ['an unknown command', ['frobnicate']],
    ['an unknown option', ['install', '--frobnicate']],
    ['an option without its value', ['install', '--host']],
    ['a number that is none', ['check', '--host', 'local', '--parallel', 'many']],
    ['a number out of range', ['check', '--host', 'local', '--parallel', '0']],
    ['too many words', ['check', 'this', 'and', 'that']],
    ['a missing word', ['bundle', 'inspect']],
    ['one bundle to compare', ['bundle', 'diff', 'one.tar']],
    ['a size that is none', ['bundle', 'split', 'hub.tar', '--size', 'large']],
    ['a missing option', ['bundle', 'build', 'spec']],
    ['a pair that is none', ['bundle', 'build', 'spec', '-o', 'x', '--mirror', 'nothing']],
    ['a shell that it does not know', ['completion', 'zsh']],
    ['a subcommand that it does not know', ['bundle', 'frobnicate']],
    ['no word at all', []],
  ])('ends with 2 on %s, saying so on stderr without a stack trace', async (_what, argv) => {
    const { code, out, err } = await mojabox(...argv)
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(err).not.toBe('')
    expect(err).not.toMatch(/\n {4}at /)
  })

  it.each([
    ['no site', ['check'], 2, '--host'],
    ['a site file that is not there', ['check', '-f', 'nowhere.yaml'], 2, 'nowhere.yaml'],
    ['both a site file and hosts', ['check', '-f', 'a.yaml', '--host', 'local'], 2, 'exclude'],
    ['hosts but no bundle', ['check', '--host', 'local'], 2, '--bundle'],
    ['a host that is none', ['check', '--host', 'a@b@c', '--bundle', 'x.tar'], 2, 'a@b@c'],
    ['an unknown level', ['validate', '--host', 'local', '--level', 'everything'], 2, 'services, ledger, transfer'],
    ['a bundle that is not there', ['check', '--host', 'local', '--bundle', 'nowhere.tar'], 5, 'nowhere.tar'],
    ['a bundle to inspect that is not there', ['bundle', 'inspect', 'nowhere.tar'], 5, 'nowhere.tar'],
    ['a bundle to compare with that is not there', ['bundle', 'diff', 'nowhere.tar', 'here.tar'], 5, 'nowhere.tar'],
  ])('ends well-explained on %s', async (_what, argv, wanted, text) => {
    const { code, err } = await mojabox(...argv)
    expect({ code, err }).toMatchObject({ code: wanted, err: expect.stringContaining(text) })
    expect(err).toMatch(/^mojabox: /)
    expect(err).toContain('\n  next:   ')
    expect(err).not.toMatch(/\n {4}at |unexpected/)
  })

  it('gives a secret’s reference only: a secret on the command line is refused, and not repeated', async () => {
    const argv = ['check', '--host', 'ops@h', '--bundle', 'x.tar', '--sudo-password', 'hunter2-the-password']
    const { code, out, err } = await mojabox(...argv)
    expect(code).toBe(2)
    expect(out + err).not.toContain('hunter2')
  })
})

describe('--help', () => {
  it.each([
    ...COMMANDS.filter((name) => name !== 'bundle').map((name) => [name]),
    ['bundle', 'build'],
    ['bundle', 'inspect'],
    ['bundle', 'verify'],
    ['bundle', 'diff'],
    ['bundle', 'sbom'],
    ['bundle', 'split'],
  ])('shows examples (%s %s)', async (...words) => {
    const { code, out } = await mojabox(...words.filter(Boolean), '--help')
    expect(code).toBe(0)
    expect(out).toMatch(new RegExp(`\\nExamples?:\\n  mojabox ${words.filter(Boolean).join(' ')}`))
  })

  it.each(['', ...COMMANDS])('fits 80 columns (%s)', async (name) => {
    const { out } = await mojabox(...[name].filter(Boolean), '--help')
    const wide = out.split('\n').filter((line) => line.length > 80 && !line.startsWith('  mojabox '))
    expect(wide).toEqual([])
  })
})

describe('completion', () => {
  it('is a bash script that knows commands, subcommands and options', async () => {
    const { code, out } = await mojabox('completion', 'bash')
    expect(code).toBe(0)
    for (const word of COMMANDS) expect(out).toContain(word)
    expect(out).toMatch(/bundle\) words="build inspect verify/)
    expect(out).toMatch(/install\) words=".*--skip-check/)
    expect(out).not.toMatch(/\b(node|agent)\)/)
    expect(out).not.toContain('--executable')
  })

  it('completes in a real bash', async () => {
    const { out } = await mojabox('completion')
    const { execFileSync } = await import('node:child_process')
    const complete = (...words: string[]) =>
      execFileSync('bash', [
        '-c',
        `${out}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _mojabox; echo "\${COMPREPLY[@]}"`,
        'bash',
        ...words,
      ])
        .toString()
        .trim()
    expect(complete('mojabox', 'ins')).toBe('install')
    expect(complete('mojabox', 'bundle', 'v')).toBe('verify')
    expect(complete('mojabox', 'install', '--skip')).toBe('--skip-check')
    expect(complete('mojabox', 'uninstall', '--del')).toBe('--delete-data')
  })
})
