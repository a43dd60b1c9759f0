import pLimit from 'p-limit'
import type { Io } from '../cli/io.ts'
import type { Prompter } from './prompter.ts'

/** Whoever asks on this terminal; loaded when something has to be asked. Hosts that are reached at once ask in turn. */
export async function createPrompter(io: Io): Promise<Prompter> {
  const prompter = await prompterFor(io)
  const inTurn = pLimit(1)
  return {
    ask: (question, canGoBack) => inTurn(() => prompter.ask(question, canGoBack)),
    askKey: (key) => inTurn(() => prompter.askKey(key)),
    askSecret: (question) => inTurn(() => prompter.askSecret(question)),
  }
}

async function prompterFor(io: Io): Promise<Prompter> {
  if (io.env.TERM === 'dumb') {
    const { LinePrompter } = await import('./line-prompter.ts')
    return new LinePrompter(io)
  }
  const { InquirerPrompter } = await import('./questions.ts')
  return new InquirerPrompter(io)
}
