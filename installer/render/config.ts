import type { ConfigValue } from '../../agent/contract/events.ts'
import type { Look } from './look.ts'

/** The final Compose file, then each service's values with where they come from; what the site changed stands out. */
export function renderConfig(compose: string, values: ConfigValue[], { paint }: Look): string {
  const services = [...new Set(values.map(({ service }) => service))]
  const tables = services.map((service) => {
    const rows = values
      .filter((value) => value.service === service)
      .map(({ name, value, origin }) => {
        const ours = origin === 'upstream' || origin === 'profile'
        const from = `(${origin})`
        return `  ${name} = ${oneLine(value)} ${ours ? paint('dim', from) : paint('yellow', from)}`
      })
    return [paint('bold', service), ...rows].join('\n')
  })
  return `${compose}\n${tables.join('\n\n')}\n`
}

function oneLine(value: string): string {
  return value.includes('\n') ? JSON.stringify(value) : value
}
