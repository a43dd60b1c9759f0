import type { Io } from '../cli/io.ts'
import type { Prompter } from './prompter.ts'

/** Whoever asks on this terminal; loaded when something has to be asked. */
export async function createPrompter(io: Io): Promise<Prompter> {
  if (io.env.TERM === 'dumb') {
    const { LinePrompter } = await import('./line-prompter.ts')
    return new LinePrompter(io)
  }
  const { InquirerPrompter } = await import('./questions.ts')
  return new InquirerPrompter(io)
}
