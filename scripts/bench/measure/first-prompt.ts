import { spawn } from 'node:child_process'

const LIMIT_MS = 30_000
/** The first question with its list; its keys are drawn last. */
const PROMPT = /Where shall the hub run\?[\s\S]*Ctrl-C stops/
const BEGUN = /^begun\r?$/m
const ON_TERMINAL = 'stty columns 80 rows 24; echo begun; exec "$MOJABOX"'

/**
 * Milliseconds from starting the executable, alone on a terminal, until its first question stands there whole. `script`
 * gives the terminal, whose own start is not counted; it hands on what is written at once, where tmux has to be asked.
 * @throws Error with what was on the terminal when no question came
 */
export async function firstPromptMs(executable: string, folder: string): Promise<number> {
  const variables = { MOJABOX: executable, HOME: folder, SHELL: '/bin/sh', TERM: 'xterm-256color', LANG: 'C.UTF-8' }
  const child = spawn('script', ['--quiet', '--command', ON_TERMINAL, '/dev/null'], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...variables },
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: LIMIT_MS,
  })
  const ended = new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
  let written = ''
  let begunAt: number | undefined
  let promptAt: number | undefined
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    written += text
    if (begunAt === undefined && BEGUN.test(written)) begunAt = performance.now()
    if (promptAt !== undefined || !PROMPT.test(written)) return
    promptAt = performance.now()
    // Ctrl-C, as a person would end it.
    child.stdin.write('\u0003')
  })
  await ended
  if (begunAt === undefined || promptAt === undefined) throw new Error(`mojabox alone asked nothing:\n${written}`)
  return promptAt - begunAt
}
