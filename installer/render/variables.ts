import { isShellName } from '../../agent/development/environment.ts'
import { shellQuote } from '../fleet/shell-quote.ts'

export type VariablesForm = 'shell' | 'dotenv' | 'json'

/** Variables for `eval` in a POSIX shell (names it cannot hold are left out), for a dotenv file, or as one JSON object. */
export function renderVariables(form: VariablesForm, variables: Record<string, string>): string {
  const entries = Object.entries(variables).sort(([left], [right]) => (left < right ? -1 : 1))
  if (form === 'json') return `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`
  const lines = entries.flatMap(([name, value]) => {
    if (form === 'dotenv') return [`${name}=${dotenvQuote(value)}`]
    return isShellName(name) ? [`export ${name}=${shellQuote(value)}`] : []
  })
  return `${lines.join('\n')}\n`
}

/** Single quotes are literal in every reader of dotenv; a value with one gets double quotes. */
function dotenvQuote(value: string): string {
  if (/^[A-Za-z0-9_./:@%+,-]*$/.test(value)) return value
  if (!value.includes("'")) return `'${value}'`
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}
