import { summaryOf } from './junit-xml.ts'
import type { TestCase, TestRun } from './results.ts'

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em;color:#1b1b1b}
table{border-collapse:collapse;width:100%}td{border-top:1px solid #ddd;padding:.3em .6em;vertical-align:top}
.pass{color:#176b2c}.fail{color:#a3121c}.skip{color:#6b6b6b}pre{white-space:pre-wrap;margin:.3em 0 0}h2{font-size:1em;margin:1.5em 0 .3em}`

const WORDS = { pass: 'passed', fail: 'failed', skip: 'skipped' } as const

/** The run as one page that needs nothing else; failures first. */
export function htmlPageOf(run: TestRun): string {
  const failed = run.cases.filter(({ status }) => status === 'fail')
  const groups = Map.groupBy(run.cases, ({ group }) => group || run.name)
  const parts = [
    ...(failed.length > 0 ? [`<h2 class="fail">Failed</h2>${table(failed, true)}`] : []),
    ...[...groups].map(([group, cases]) => `<h2>${escaped(group)}</h2>${table(cases, false)}`),
  ]
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(run.name)}</title><style>${STYLE}</style></head>
<body><h1>${escaped(run.name)}</h1>
<p class="${run.exitCode === 0 ? 'pass' : 'fail'}">${escaped(summaryOf(run))}</p>
<p>${escaped(run.startedAt.toISOString())}</p>
${parts.join('\n')}
</body></html>
`
}

function table(cases: TestCase[], whole: boolean): string {
  const rows = cases.map(({ group, name, status, seconds, message }) => {
    const title = whole && group ? `${group}: ${name}` : name
    const why = whole && message ? `<pre>${escaped(message)}</pre>` : ''
    return `<tr><td class="${status}">${WORDS[status]}</td><td>${escaped(title)}${why}</td><td>${seconds.toFixed(2)} s</td></tr>`
  })
  return `<table>${rows.join('')}</table>`
}

function escaped(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return text.replace(/[&<>"]/g, (letter) => entities[letter] ?? letter)
}
