import type { Step } from '../step.ts'

/** Only where a site file is there already: it is never written over without being asked about. */
export const existing: Step = {
  tell(_draft, { existing: file }) {
    if (!file) return []
    if (file.summary !== undefined) return [`${file.name} is here already: ${file.summary}.`]
    return [`${file.name} is here already, and cannot be read as a site: ${file.problem?.message}`]
  },
  ask(_draft, { existing: file }) {
    const name = file?.name ?? ''
    const usable = file?.summary !== undefined
    return {
      kind: 'choice',
      message: `What about ${name}?`,
      choices: [
        usable
          ? { value: 'start', label: 'Start from it', about: `Before ${name} changes, it is kept under another name.` }
          : { value: 'start', label: 'Begin anew', about: `It is kept under another name before ${name} is written.` },
        { value: 'stop', label: 'Stop, and leave it as it is' },
      ],
    }
  },
  take(draft, answer) {
    return answer === 'stop' ? { draft, next: undefined } : { draft, next: 'where' }
  },
}
