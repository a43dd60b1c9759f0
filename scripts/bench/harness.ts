import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Browser, shown } from '../../test/lab/browser.ts'
import { type LabNode, nodeExec } from '../../test/lab/nodes.ts'
import { checkOutLedger, edit, LEDGER_CHECKOUT, runningCheckout } from '../../test/lab/running-checkout.ts'
import { plugStick, wizardFromStick } from '../../test/lab/stick.ts'
import type { Bench, Group } from './measure/bench.ts'
import { startCommand } from './measure/command.ts'
import { type Figure, figure, median } from './measure/figure.ts'
import { firstPromptMs } from './measure/first-prompt.ts'
import { loadText } from './measure/meters.ts'
import { agentIdle, agentResidentBytes, type BenchNode, withBareNode } from './measure/node.ts'

/** Odd, so that the median is a run that happened. */
const PROMPTS = 11
const EDITS = 5
const INSTALL_LIMIT_MS = 10 * 60_000
const PAGE_OPEN_SECONDS = 60

/** Enter takes what the wizard proposes: this machine, to evaluate, the richest profile that is carried and fits. */
const QUESTIONS = [
  'Where shall the hub run?',
  'What is the hub for?',
  'Which profile?',
  'Which bundle?',
  'Do you trust this bundle?',
]

/** What a person at the harness waits for, from the first question to an edit that runs, and what the agent holds. */
export const harness: Group = {
  needsLab: true,
  measure: async (bench) => [
    await firstPrompt(bench),
    ...(await withBareNode(bench, 'trixie', async (node) => [
      await consentToHub(bench, node),
      ...(await agentMemory(bench, node)),
      ...(await editToRunning(bench, node)),
    ])),
  ],
}

async function firstPrompt(bench: Bench): Promise<Figure> {
  const folder = join(bench.folder, 'site')
  await mkdir(folder)
  // One that does not count: the executable may not be in memory yet.
  await firstPromptMs(bench.executable, folder)
  const runs: number[] = []
  for (let run = 0; run < PROMPTS; run++) runs.push(await firstPromptMs(bench.executable, folder))
  return medianFigure('harness.first_prompt_ms', runs, 'ms', 0)
}

/** The wizard on the bare host itself, as Enter leads through it: from the last Enter to its end, after the validation. */
async function consentToHub(bench: Bench, node: BenchNode): Promise<Figure> {
  await plugStick(node.name, bench)
  const terminal = await wizardFromStick(node.name, node.folder)
  try {
    for (const question of QUESTIONS) {
      await terminal.asks(question)
      await terminal.press('Enter')
    }
    await terminal.asks('Shall this be done?', 60_000)
    const load = loadText()
    const startedAt = performance.now()
    await terminal.press('Enter')
    const code = await terminal.ended(INSTALL_LIMIT_MS)
    const seconds = (performance.now() - startedAt) / 1000
    const words = await terminal.everything()
    const profile = /Which profile\? (\S+):/.exec(words)?.[1]
    if (code !== 0 || !/validation \S+: (\d+) of \1 cases passed/.test(words)) throw new Error(`no hub:\n${words}`)
    bench.say(`consent to hub: ${seconds.toFixed(1)} s`)
    return figure('harness.consent_to_hub_s', seconds, 's', {
      note: `on the machine itself, profile ${profile}; load ${load}, ${loadText()}`,
    })
  } finally {
    await terminal.close()
  }
}

async function agentMemory(bench: Bench, node: BenchNode): Promise<Figure[]> {
  await agentIdle(node)
  const idle = await agentResidentBytes(node)
  const open = await agentPageBytes(bench, node)
  return [
    figure('harness.agent_idle_mb', idle / 1e6, 'MB', { note: 'good: up to 70' }),
    figure('harness.agent_page_mb', open / 1e6, 'MB', { note: `the most in ${PAGE_OPEN_SECONDS} s; good: up to 70` }),
  ]
}

/** While the page stands open in a browser at a desk, through `mojabox open`: it asks the agent every few seconds. */
async function agentPageBytes(bench: Bench, node: BenchNode): Promise<number> {
  const open = startCommand(bench, node, ['open', '--no-browser'])
  try {
    for await (const event of open.events) if (event.type === 'page') return await mostWithPage(event.url, node)
    throw new Error('mojabox open: no page')
  } finally {
    open.child.kill('SIGINT')
    await open.ended
  }
}

async function mostWithPage(url: string, node: LabNode): Promise<number> {
  const browser = await Browser.open()
  try {
    const { page } = await browser.tab(url)
    await shown(page)
    let most = 0
    for (let second = 0; second < PAGE_OPEN_SECONDS; second++) {
      await delay(1000)
      most = Math.max(most, await agentResidentBytes(node))
    }
    return most
  } finally {
    await browser.close()
  }
}

/** From the saved file to the first words of the changed code, and to the service that answers again. */
async function editToRunning(bench: Bench, node: LabNode): Promise<Figure[]> {
  await checkOutLedger(node.name)
  const checkout = await runningCheckout(node.name, ['central-ledger', LEDGER_CHECKOUT])
  try {
    await checkout.saw('is followed')
    await ledgerAnswers(node)
    const running: number[] = []
    const answering: number[] = []
    for (let run = 0; run < EDITS; run++) {
      const { savedAtMs, ranAtMs } = await edit(node.name, checkout)
      running.push((ranAtMs - savedAtMs) / 1000)
      answering.push(((await ledgerAnswers(node)) - savedAtMs) / 1000)
    }
    bench.say(`edit to running: ${median(running).toFixed(1)} s`)
    return [
      medianFigure('harness.edit_to_running_s', running, 's', 2),
      medianFigure('harness.edit_to_answering_s', answering, 's', 2),
    ]
  } finally {
    await checkout.stop()
  }
}

/** Bash's own connection: a node has no curl, and a command in the container takes longer than what is measured. */
const UNTIL_WELL = `
  until (
    exec 3<>/dev/tcp/127.0.0.1/3001
    printf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3
    timeout 2 head -n 1 <&3 | grep -q ' 200 '
  ) 2>/dev/null; do sleep 0.05; done
  date +%s%3N`

/** @returns when, by the node's clock, milliseconds */
async function ledgerAnswers({ name }: LabNode): Promise<number> {
  return Number((await nodeExec(name, ['bash', '-c', UNTIL_WELL], { timeoutMs: 120_000 })).stdout)
}

function medianFigure(id: string, runs: number[], unit: string, digits: number): Figure {
  const note = `${runs.map((run) => run.toFixed(digits)).join(', ')}; load ${loadText()}`
  return figure(id, median(runs), unit, { note })
}
